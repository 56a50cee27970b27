import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {Browser} from '../support/lab/browser.ts';
import {writeCertificate} from '../support/lab/certificate.ts';
import {freePorts} from '../support/lab/free-ports.ts';
import {DEEP, lacking} from '../support/lab/requires.ts';
import {TurnServer, UNLIMITED} from '../support/lab/turn-server.ts';

const without = lacking('chromium');
/** Chromium refreshes at half of a lifetime under two minutes; who outlives five of them has refreshed five times. */
const LIFETIME_SECONDS = DEEP ? 30 : 2;
const REFRESHES = 5;
const INTERVAL_MS = 50;

describe.skipIf(without)(`Chromium with nothing but relays ${without ?? ''}`, () => {
  let folder: string;
  let browser: Browser;
  let server: TurnServer;
  let shortLived: TurnServer;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'qv-chromium-'));
    const [port = 0, tlsPort = 0, secondPort = 0] = await freePorts(3);
    const common = {addresses: ['127.0.0.1'], secret: 'a secret of the lab', limits: UNLIMITED};
    const tls = {port: tlsPort, ...writeCertificate(folder)};
    [browser, server, shortLived] = await Promise.all([
      Browser.open(),
      TurnServer.start({...common, port, tls}),
      TurnServer.start({...common, port: secondPort, lifetimeSeconds: LIFETIME_SECONDS}),
    ]);
  });
  afterAll(async () => {
    await Promise.all([browser?.close(), server?.kill(), shortLived?.kill()]);
    rmSync(folder, {recursive: true, force: true});
  });

  it.concurrent.each(['udp', 'tcp', 'tls'] as const)('500 messages there and back over %s', async (relayProtocol) => {
    const {port, tls} = server.options;
    const urls = {
      udp: `turn:127.0.0.1:${port}?transport=udp`,
      tcp: `turn:127.0.0.1:${port}?transport=tcp`,
      tls: `turns:127.0.0.1:${tls!.port}?transport=tcp`,
    };
    const iceServers = [server.iceServer(`did:peers:${relayProtocol}`, urls[relayProtocol])];
    const report = await browser.call({iceServers, messages: 500});
    expect(report).toMatchObject({sent: 500, echoed: 500, local: 'relay', remote: 'relay', relayProtocol});
  });

  it.concurrent(`outlives ${REFRESHES} Refreshes with a lifetime of ${LIFETIME_SECONDS} s, no gap over 1 s`, async () => {
    const iceServers = [shortLived.iceServer('did:peers:alice', `turn:127.0.0.1:${shortLived.options.port}`)];
    const seconds = REFRESHES * LIFETIME_SECONDS + 1;
    const messages = (seconds * 1_000) / INTERVAL_MS;
    const report = await browser.call({iceServers, messages, intervalMs: INTERVAL_MS});
    expect(report).toMatchObject({sent: messages, echoed: messages});
    expect(report.longestGapMs).toBeLessThan(1_000);
  }, 240_000);
});
