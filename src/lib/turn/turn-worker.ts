// One worker of a STUN or TURN server: a whole server on a thread of its own, started by WorkerPool.
import {parentPort, workerData} from 'node:worker_threads';

import {ListenError} from './io/listen.ts';
import {SocketServer} from './io/server.ts';
import type {FromWorker, ToWorker, WorkerStart} from './io/workers/messages.ts';
import {RemoteAdmission} from './io/workers/remote-admission.ts';

if (parentPort === null) throw new Error('turn-worker is started as a worker thread');
const control = parentPort;
const post = (message: FromWorker): void => control.postMessage(message);

const {options} = workerData as WorkerStart;
const admission = new RemoteAdmission(post);
const server = new SocketServer(options, admission, (level, message, fields = {}) =>
  post({type: 'log', level, message, fields}),
);

const started = start();

control.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'admitted':
    case 'refused':
      return admission.take(message);
    case 'stats':
      return post({type: 'stats', id: message.id, stats: server.stats()});
    case 'certificate':
      return server.setCertificate(message.certificate);
    case 'secrets':
      return server.setSecrets(message.secrets);
    case 'sibling':
      return server.siblings.add(message.port);
    case 'drain':
      return server.drain();
    case 'stop':
      // With its sockets and this port closed nothing keeps the thread.
      void started.then(() => server.close()).then(() => control.close());
  }
});

async function start(): Promise<void> {
  try {
    await server.start();
    post({type: 'ready', bound: server.bound, engine: server.engine});
  } catch (error) {
    // Anything else is a bug, and what this thread dies of.
    if (!(error instanceof ListenError)) throw error;
    post({type: 'failed', failure: {at: error.at, code: error.code, message: error.message}});
    control.close();
  }
}
