import {expect, it} from 'vitest';

import {maskCredentials} from '../../../src/lib/core/mask.ts';

it.each([
  'http://me:canary@host:8080/v1',
  'http://me:p@canary@host',
  'https://me:p/canary@host',
  'http://canary@host',
  '"me:canary@host" is not allowed',
  'me:canary@host',
  'URL=me:canary@host',
  'http://a@host, http://b:canary@host',
  'http://host/?api_key=canary&x=1',
  'http://host/v1?x=1&access-token=canary',
])('hides the credentials in %s', (text) => {
  const masked = maskCredentials(text);
  expect(masked).not.toContain('canary');
  expect(masked).toContain('********');
  expect(masked).toContain('host');
});

it.each([
  'at open (file:///opt/node_modules/@libp2p/tcp/index.js:3:4)',
  'at run (/opt/node_modules/@oclif/core/lib/command.js:255:17)',
  'at async fsCall (node:internal/fs/promises:1118:12)',
  '/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWHXA7e',
  'ollama@127.0.0.1:11434: the back end does not answer',
  'http://127.0.0.1:8080/v1/models?limit=5',
  'Try: npm install --global @quiver-network/quiver',
])('leaves %s as it is', (text) => {
  expect(maskCredentials(text)).toBe(text);
});
