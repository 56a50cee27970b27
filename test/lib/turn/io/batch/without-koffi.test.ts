import {execFile} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';

import {expect, it} from 'vitest';

const run = promisify(execFile);
const root = new URL('../../../../../src/lib/', import.meta.url);
/** As on a machine for which koffi has no build, or where optional packages are left out. */
const HIDE = `import {registerHooks} from 'node:module';
registerHooks({resolve(name, context, next) {
  if (/koffi|koromix/.test(name)) throw new Error('there is no ' + name);
  return next(name, context);
}});`;
const SCRIPT = `import {createEngine} from '${new URL('turn/io/create-engine.ts', root).href}';
import '${new URL('turn/turn-service.ts', root).href}';
import '${new URL('catalog/connection-services.ts', root).href}';
const said = [];
const engine = await createEngine('batch', {
  buffers: {listenerBytes: 0, relayBytes: 0}, now: () => 0, events: {}, log: (level, text) => said.push(level + ' ' + text),
});
console.log(JSON.stringify([engine.name, said]));
await engine.close();`;

it('without koffi the batch engine says so once, and dgram takes its place', async () => {
  const hide = `data:text/javascript,${encodeURIComponent(HIDE)}`;
  const options = {cwd: fileURLToPath(root), timeout: 20_000};
  const {stdout} = await run(process.execPath, ['--import', hide, '--input-type=module', '--eval', SCRIPT], options);
  expect(JSON.parse(stdout)).toEqual([
    'dgram',
    [expect.stringMatching(/^warn .*dgram takes its place: there is no koffi/)],
  ]);
});
