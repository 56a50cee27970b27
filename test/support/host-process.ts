// A process that serves, as a command would start it: `node host-process.ts [--json] [what goes wrong]`.
// Only for tests of signals, of kill -9 and of what a process leaves behind; QUIVER_HOME says where it lives.
import {createServer} from 'node:net';

import {Args} from '@oclif/core';
import {handle} from '@oclif/core/handle';

import {BaseCommand} from '../../src/lib/cli/base-command.ts';
import {runServices, serviceLogger} from '../../src/lib/cli/run-services.ts';
import {controlSocket, runFile} from '../../src/lib/config/places.ts';
import {fakeService, hang, type FakeOptions} from './fake-service.ts';

let checks = 0;

/** Well when it is first asked, at its start, and never again. */
async function sick() {
  const ok = (checks += 1) === 1;
  return {ok, checks: [{name: 'dial', ok, ...(!ok && {detail: 'refused', fix: 'open UDP 4001'})}]};
}

const SCENARIOS = new Map<string, FakeOptions>([
  ['fine', {}],
  ['hung-start', {start: hang}],
  ['hung-stop', {stop: hang}],
  ['hung-drain', {drain: hang}],
  ['sick', {health: sick}],
  ['stray', {start: async () => void setTimeout(() => void Promise.reject(new Error('stray rejection')), 50)}],
  ['talkative', {start: async ({log}) => void setInterval(() => log.error('again'), 10).unref()}],
  ['bad', {start: () => Promise.reject(new Error('no such device'))}],
]);

class HostProcess extends BaseCommand<typeof HostProcess> {
  static override args = {scenario: Args.string({default: 'fine'})};

  async run(): Promise<void> {
    // A real handle, so that the process stays up exactly as long as its service does.
    const server = createServer();
    const scenario = SCENARIOS.get(this.args.scenario) ?? {};
    const service = fakeService('echo', {
      kind: 'test.echo',
      addresses: ['/ip4/127.0.0.1/tcp/4001', '/ip4/127.0.0.1/udp/4001/quic-v1'],
      ...scenario,
      async start(context) {
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        await scenario.start?.(context);
      },
      async stop() {
        server.close();
        await scenario.stop?.();
      },
    });
    await runServices(this, {
      services: [service],
      log: await serviceLogger('error'),
      profile: 'local',
      admin: {host: '127.0.0.1', port: 0},
      socketPath: controlSocket(this.places, 'local'),
      runFile: runFile(this.places, 'local'),
      stopDeadlineMs: this.args.scenario === 'hung-stop' ? 300 : 10_000,
    });
  }
}

try {
  await HostProcess.run(process.argv.slice(2), import.meta.url);
} catch (error) {
  await handle(error as Error);
}
