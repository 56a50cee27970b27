import type {Command} from '@oclif/core';

import type {LocalAccount} from '../chain/local/accounts.ts';
import type {ClockReply} from '../chain/local/control-routes.ts';
import {controlSocket, type Places} from '../config/places.ts';
import type {NetworkProfile} from '../config/profile.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import {toJson} from '../core/json.ts';
import {controlClient, type ControlClient} from '../service/control-client.ts';
import type {BaseCommand} from './base-command.ts';

/** A faucet sends transactions and waits for them. */
const FAUCET_DEADLINE_MS = 30_000;

/** Only a profile that stays on this machine has a chain of its own. */
export function localProfile(profile: NetworkProfile): NetworkProfile {
  if (profile.loopbackOnly) return profile;
  throw new QuiverError({
    code: 'CHAIN_NOT_LOCAL',
    message: `The network ${profile.name} is on ${profile.chain.name}, which nobody runs on one machine`,
    fix: 'Use the local network: --profile local',
    exit: EXIT.usage,
  });
}

/** The accounts of a new local chain, once; the ready event has them too. Their keys stay in the file. */
export function announceAccounts(
  command: BaseCommand<typeof Command>,
  accounts: readonly LocalAccount[],
  file: string,
): void {
  for (const {name, address} of accounts) command.note(`${name.padEnd(10)} ${address}`);
  command.note(`Each of them has POL and QUIV; their keys are in ${file}`);
}

/** What the clock commands answer. */
export interface ClockState {
  block: number;
  /** On the chain, ISO 8601. */
  time: string;
}

export async function advanceChain(
  places: Places,
  profile: string,
  seconds: number,
  signal: AbortSignal,
): Promise<ClockState> {
  return clockState(await client(places, profile).post('/chain/advance', {seconds}, signal));
}

export async function mineBlocks(
  places: Places,
  profile: string,
  blocks: number,
  signal: AbortSignal,
): Promise<ClockState> {
  return clockState(await client(places, profile).post('/chain/mine', {blocks}, signal));
}

export interface FaucetState {
  address: string;
  /** Base units, here and below. */
  pol: bigint;
  quiv: bigint;
  transactions: string[];
}

export async function askFaucet(
  places: Places,
  profile: string,
  wish: {address: string; pol: bigint; quiv: bigint},
  signal: AbortSignal,
): Promise<FaucetState> {
  const reply = await client(places, profile).post('/chain/faucet', JSON.parse(toJson(wish)), signal);
  const {address, pol, quiv, transactions} = reply as Record<'address' | 'pol' | 'quiv', string> & {
    transactions: string[];
  };
  return {address, pol: BigInt(pol), quiv: BigInt(quiv), transactions};
}

function client(places: Places, profile: string): ControlClient {
  return controlClient(controlSocket(places, profile), {answerDeadlineMs: FAUCET_DEADLINE_MS});
}

function clockState(reply: unknown): ClockState {
  const {block, timestamp} = reply as ClockReply;
  return {block, time: new Date(timestamp * 1000).toISOString()};
}
