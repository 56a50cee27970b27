import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {type BrowserContext, chromium, type Page} from 'playwright-core';

import type {RelayCall, RelayReport} from './browser-call.ts';
import {relayCall} from './browser-call.ts';

/** Debian's Chromium, quiet: nothing but what the page does goes to the network. */
const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--allow-loopback-in-peer-connection',
  // TURN over TLS is checked like any other TLS, and no authority signs a certificate for a lab.
  '--ignore-certificate-errors',
];

/** A browser with an empty profile of its own. */
export class Browser {
  readonly #folder: string;
  readonly #context: BrowserContext;

  private constructor(folder: string, context: BrowserContext) {
    this.#folder = folder;
    this.#context = context;
  }

  static async open(): Promise<Browser> {
    const folder = mkdtempSync(join(tmpdir(), 'qv-browser-'));
    const context = await chromium.launchPersistentContext(folder, {
      executablePath: '/usr/bin/chromium',
      args: FLAGS,
      env: {...process.env, HOME: folder},
    });
    return new Browser(folder, context);
  }

  async page(): Promise<Page> {
    return this.#context.newPage();
  }

  /** A call between two peer connections of one page that may use nothing but relays. */
  async call(call: RelayCall): Promise<RelayReport> {
    const page = await this.page();
    try {
      return await page.evaluate(relayCall, call);
    } finally {
      await page.close();
    }
  }

  async close(): Promise<void> {
    await this.#context.close();
    rmSync(this.#folder, {recursive: true, force: true});
  }
}
