// One side of a connection by node-datachannel alone, in a process of its own so that it can stand in a namespace.
import {type IceServer, PeerConnection} from 'node-datachannel';

import type {FromStation, ToStation} from './ice-pair.ts';

const say = (message: FromStation): void => {
  process.send?.(message);
};
let connection: PeerConnection | undefined;

/** Candidates and descriptions that came before there was a connection to give them to. */
const early: ToStation[] = [];

function connect({role, servers, relayOnly, messages}: Extract<ToStation, {kind: 'connect'}>): void {
  const started = performance.now();
  connection = new PeerConnection(role, {
    iceServers: servers.flatMap(toNative),
    iceTransportPolicy: relayOnly ? 'relay' : 'all',
    disableAutoNegotiation: true,
  });
  const own = connection;
  own.onLocalDescription((sdp, type) => say({kind: 'description', sdp, type}));
  own.onLocalCandidate((candidate, mid) => say({kind: 'candidate', candidate, mid}));
  own.onStateChange((state) => {
    if (state === 'failed') say({kind: 'failed', why: state});
  });
  if (role === 'answerer') {
    own.onDataChannel((channel) => channel.onMessage((data) => channel.sendMessageBinary(Buffer.from(data as Buffer))));
  } else {
    const channel = own.createDataChannel('echo');
    channel.onOpen(() => {
      const setupMs = performance.now() - started;
      const rtts: number[] = [];
      let sentAt = 0;
      const next = (): void => {
        sentAt = performance.now();
        channel.sendMessageBinary(Buffer.alloc(160));
      };
      channel.onMessage(() => {
        rtts.push(performance.now() - sentAt);
        if (rtts.length < messages) next();
        else say({kind: 'done', setupMs, rttsMs: rtts, ...path(own)});
      });
      next();
    });
    own.setLocalDescription();
  }
  for (const message of early.splice(0)) signal(message);
}

function signal(message: ToStation): void {
  if (connection === undefined) early.push(message);
  else if (message.kind === 'candidate') connection.addRemoteCandidate(message.candidate, message.mid);
  else if (message.kind === 'description') {
    connection.setRemoteDescription(message.sdp, message.type);
    if (message.type === 'offer') connection.setLocalDescription();
  }
}

function path(own: PeerConnection): {local: string; remote: string} {
  const pair = own.getSelectedCandidatePair();
  return {local: pair?.local.type ?? '', remote: pair?.remote.type ?? ''};
}

/** As libdatachannel takes them: one object for a URL. */
function toNative({urls, username, credential}: {urls: string[]; username?: string; credential?: string}): IceServer[] {
  return urls.map((url) => {
    const [, kind, hostname = '', port] = /^(stun|turn):([^:?]+):(\d+)/.exec(url) ?? [];
    const place = {hostname, port: Number(port)};
    if (kind === 'stun') return place;
    return {...place, username, password: credential, relayType: 'TurnUdp'} as IceServer;
  });
}

process.on('message', (message: ToStation) => {
  if (message.kind === 'connect') connect(message);
  else signal(message);
});
process.on('disconnect', () => process.exit());
