import {EXIT, QuiverError} from '../../core/errors.ts';
import {pause} from '../../core/pause.ts';
import {readAll} from '../../core/read-all.ts';
import {standardJson} from './artifacts.ts';
import {DEPLOYED, type DeployedName} from './contract-set.ts';
import type {Deployments} from './deployments.ts';
import {artifactOf} from './verify.ts';

const DEFAULT_URLS = {etherscan: 'https://api.etherscan.io/v2/api', sourcify: 'https://sourcify.dev/server'};

/** Explorers compile what they are given: seconds when idle, a minute in a queue. */
const POLL_MS = 3_000;
const GIVE_UP_MS = 180_000;
const ANSWER_DEADLINE_MS = 30_000;
const ANSWER_LIMIT_BYTES = 1_000_000;

export interface ExplorerOptions {
  kind: 'etherscan' | 'sourcify';
  /** @default the public one */
  url?: string | undefined;
  /** Etherscan's. */
  apiKey?: string | undefined;
  chainId: number;
  signal: AbortSignal;
  /** @default 3_000 */
  pollMs?: number;
}

export interface Published {
  name: DeployedName;
  address: string;
  state: 'verified' | 'already';
}

/** Publishes the sources of all that is deployed, one after the other: free explorers take few requests a second. */
export async function publishAll(deployments: Deployments, options: ExplorerOptions): Promise<Published[]> {
  if (options.kind === 'etherscan' && (options.apiKey ?? '') === '') throw keyMissing();
  const published: Published[] = [];
  for (const name of DEPLOYED) {
    if (deployments.contracts[name] !== undefined) published.push(await publishSource(name, deployments, options));
  }
  return published;
}

/**
 * Hands an explorer the sources of a contract and waits until it has compiled them to what is on the chain.
 * Errors: EXPLORER_UNREACHABLE, EXPLORER_REFUSED, EXPLORER_SLOW.
 */
async function publishSource(
  name: DeployedName,
  deployments: Deployments,
  options: ExplorerOptions,
): Promise<Published> {
  const deployed = deployments.contracts[name];
  if (deployed === undefined) throw refused(options, `${name} is not deployed`);
  const artifact = await artifactOf(name);
  const submission: Submission = {
    address: deployed.address,
    identifier: `${artifact.sourceName}:${artifact.contractName}`,
    compiler: artifact.compiler,
    constructorArguments: deployed.constructorArguments.slice(2),
    input: await standardJson(artifact),
  };
  const verify = options.kind === 'etherscan' ? verifyAtEtherscan : verifyAtSourcify;
  return {name, address: deployed.address, state: await verify(submission, options)};
}

interface Submission {
  address: string;
  /** `src/QUIVToken.sol:QUIVToken`. */
  identifier: string;
  /** `0.8.37+commit.f401782d`. */
  compiler: string;
  /** Hex without 0x. */
  constructorArguments: string;
  input: object;
}

/** docs.etherscan.io, API v2, `verifysourcecode` and `checkverifystatus`. */
async function verifyAtEtherscan(submission: Submission, options: ExplorerOptions): Promise<Published['state']> {
  const form = new URLSearchParams({
    module: 'contract',
    action: 'verifysourcecode',
    apikey: options.apiKey ?? '',
    codeformat: 'solidity-standard-json-input',
    sourceCode: JSON.stringify(submission.input),
    contractaddress: submission.address,
    contractname: submission.identifier,
    compilerversion: `v${submission.compiler}`,
    // Spelt like that by Etherscan.
    constructorArguements: submission.constructorArguments,
  });
  const url = new URL(options.url ?? DEFAULT_URLS.etherscan);
  url.searchParams.set('chainid', String(options.chainId));
  const sent = (await ask(url, {method: 'POST', body: form}, options)) as {status?: string; result?: string};
  const result = sent.result ?? '';
  if (/already verified/i.test(result)) return 'already';
  if (sent.status !== '1') throw refused(options, result);
  for (const [key, value] of Object.entries({
    module: 'contract',
    action: 'checkverifystatus',
    guid: result,
    apikey: options.apiKey ?? '',
  })) {
    url.searchParams.set(key, value);
  }
  return poll(options, async () => {
    const answer = (await ask(url, {}, options)) as {status?: string; result?: string};
    if (answer.status === '1') return 'verified';
    const text = answer.result ?? '';
    if (/already verified/i.test(text)) return 'already';
    if (/pending|in queue/i.test(text)) return undefined;
    throw refused(options, text);
  });
}

/** docs.sourcify.dev, API v2, `POST /v2/verify/{chainId}/{address}`. */
async function verifyAtSourcify(submission: Submission, options: ExplorerOptions): Promise<Published['state']> {
  const base = (options.url ?? DEFAULT_URLS.sourcify).replace(/\/+$/, '');
  const body = JSON.stringify({
    stdJsonInput: submission.input,
    compilerVersion: submission.compiler,
    contractIdentifier: submission.identifier,
  });
  const target = new URL(`${base}/v2/verify/${options.chainId}/${submission.address}`);
  const headers = {'content-type': 'application/json'};
  const sent = (await ask(target, {method: 'POST', body, headers}, options)) as SourcifyAnswer;
  if (sent.customCode === 'already_verified') return 'already';
  const {verificationId} = sent;
  if (verificationId === undefined) throw refused(options, sent.message ?? 'no reason given');
  return poll(options, async () => {
    const url = new URL(`${base}/v2/verify/${encodeURIComponent(verificationId)}`);
    const job = (await ask(url, {}, options)) as SourcifyAnswer;
    if (job.isJobCompleted !== true) return undefined;
    if (job.error?.customCode === 'already_verified') return 'already';
    if (job.error !== undefined && job.error !== null) throw refused(options, job.error.message ?? 'no reason given');
    return 'verified';
  });
}

interface SourcifyAnswer {
  verificationId?: string;
  customCode?: string;
  message?: string;
  isJobCompleted?: boolean;
  error?: {customCode?: string; message?: string} | null;
}

async function poll<T>(
  {pollMs = POLL_MS, signal, kind}: ExplorerOptions,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const started = performance.now();
  while (performance.now() - started < GIVE_UP_MS) {
    await pause(pollMs, signal);
    signal.throwIfAborted();
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new QuiverError({
    code: 'EXPLORER_SLOW',
    message: `${kind} has not compiled the sources within ${GIVE_UP_MS / 1000} s`,
    fix: 'Run it again later: what it has done by then counts.',
  });
}

async function ask(url: URL, init: RequestInit, options: ExplorerOptions): Promise<unknown> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(ANSWER_DEADLINE_MS)]);
  try {
    const response = await fetch(url, {...init, redirect: 'error', signal});
    return JSON.parse((await readAll(response.body, ANSWER_LIMIT_BYTES)).toString());
  } catch (cause) {
    options.signal.throwIfAborted();
    throw new QuiverError({
      code: 'EXPLORER_UNREACHABLE',
      message: `${url.host} does not answer, or not as ${options.kind} would`,
      fix: 'Check the connection and --url; without an explorer: quiver contracts verify --offline',
      cause,
    });
  }
}

function refused({kind}: ExplorerOptions, reason: string): QuiverError {
  return new QuiverError({
    code: 'EXPLORER_REFUSED',
    message: `${kind} refused: ${reason.slice(0, 500)}`,
    fix: 'Check the API key and that the contracts are those of this version: quiver contracts verify --offline',
  });
}

function keyMissing(): QuiverError {
  return new QuiverError({
    code: 'EXPLORER_KEY',
    message: 'Etherscan wants an API key',
    fix: 'Get one at https://etherscan.io/apis, then: export ETHERSCAN_API_KEY=…   (or without a key: --at sourcify)',
    exit: EXIT.usage,
  });
}
