import type {Places} from '../../config/places.ts';
import type {NetworkProfile} from '../../config/profile.ts';
import {EXIT, QuiverError} from '../../core/errors.ts';
import {addressToBytes} from '../../core/secp256k1.ts';
import {amountFromText} from '../../core/units.ts';
import type {Route, RouteRequest} from '../../service/service.ts';
import type {LocalAccount} from './accounts.ts';
import type {LocalChain} from './local-chain.ts';

/** A century: nothing here unbonds for longer, and a slip of the finger would make dates that no program can show. */
const MAX_ADVANCE_SECONDS = 100 * 365 * 24 * 60 * 60;
const MAX_BLOCKS = 10_000;

export interface ControlRoutesOptions {
  chain: () => LocalChain | undefined;
  url: () => string | undefined;
  accounts: () => readonly LocalAccount[];
  profile: NetworkProfile;
  places: Places;
}

/** What `POST /chain/advance` and `/chain/mine` answer. */
export interface ClockReply {
  block: number;
  /** Seconds since 1970, on the chain. */
  timestamp: number;
}

/** Moving time, mining and handing out funds: for whoever can reach the control socket. */
export function localChainRoutes(options: ControlRoutesOptions): Route[] {
  const act = (path: string, handle: (chain: LocalChain, request: RouteRequest) => Promise<unknown>): Route => ({
    method: 'POST',
    path,
    access: 'control',
    async handle(request) {
      const chain = options.chain();
      if (chain === undefined) throw notReady();
      return {json: await handle(chain, request)};
    },
  });
  return [
    act('/chain/advance', async (chain, {body}) => {
      return clock(await chain.advance(integer(body, 'seconds', 1, MAX_ADVANCE_SECONDS)));
    }),
    act('/chain/mine', async (chain, {body}) => clock(await chain.mine(integer(body, 'blocks', 1, MAX_BLOCKS)))),
    act('/chain/faucet', async (_chain, request) => {
      const {giveFunds} = await import('./faucet.ts');
      const {profile, places} = options;
      const url = options.url();
      if (url === undefined) throw notReady();
      const wish = readFaucet(request.body);
      return giveFunds({profile, places, url, accounts: options.accounts(), signal: request.signal, ...wish});
    }),
  ];
}

function clock({number, timestamp}: {number: number; timestamp: number}): ClockReply {
  return {block: number, timestamp};
}

function integer(body: unknown, name: string, min: number, max: number): number {
  const value = new Map(Object.entries(body ?? {})).get(name) as unknown;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw bad(`${name} has to be a whole number from ${min} to ${max}`);
}

function readFaucet(body: unknown): {address: string; pol: bigint; quiv: bigint} {
  const fields = new Map<string, unknown>(Object.entries(body ?? {}));
  const [address, pol, quiv] = ['address', 'pol', 'quiv'].map((name) => fields.get(name));
  const amounts = [pol, quiv].map((value) => (typeof value === 'string' ? amountFromText(value, 0) : undefined));
  if (typeof address !== 'string' || addressToBytes(address) === undefined) throw bad('address is not an address');
  if (amounts[0] === undefined || amounts[1] === undefined) throw bad('pol and quiv are base units in decimal text');
  return {address, pol: amounts[0], quiv: amounts[1]};
}

function bad(message: string): QuiverError {
  return new QuiverError({
    code: 'BAD_CHAIN_REQUEST',
    message,
    fix: 'See: quiver chain --help',
    exit: EXIT.usage,
  });
}

function notReady(): QuiverError {
  return new QuiverError({
    code: 'STARTING',
    message: 'The local chain is still starting',
    fix: 'Run it again in a moment.',
  });
}
