import type {Interface} from 'ethers';

import {QuiverError} from '../core/errors.ts';
import type {RpcRefusal} from './chain-errors.ts';
import {interfaceOf} from './contract.ts';
import {errorsAbi} from './gen/errors.ts';
import {REVERT_WORDS} from './revert-words.ts';

/** JSON-RPC servers answer with it when the call itself failed (geth; EDR has the data alone). */
const EXECUTION_REVERTED = 3;

/** Of a contract's own words; they are shown, and anybody may have written them. */
const MAX_REASON_LENGTH = 400;

/** The error for a call that the contract refused, in plain words; undefined when it was about something else. */
export function explainRevert(refusal: RpcRefusal): QuiverError | undefined {
  const {revertData, rpcCode, message} = refusal;
  if (revertData === undefined && rpcCode !== EXECUTION_REVERTED && !/revert/i.test(message)) return undefined;
  const {message: text, fix, name} = wordsFor(revertData ?? '0x', message);
  return new QuiverError({
    code: 'REVERTED',
    message: name === undefined ? text : `${text} (${name})`,
    fix,
    cause: refusal,
  });
}

/** Plain words for what a revert returned. */
function wordsFor(data: string, serverMessage: string): {message: string; fix: string; name?: string} {
  const face: Interface = interfaceOf(errorsAbi);
  const found = data === '0x' ? null : parse(face, data);
  if (found === null) {
    const fix = 'Check the address and that its contracts belong to this version: quiver contracts status';
    return {message: `The contract refused without a reason that we know: ${serverMessage}`, fix};
  }
  if (found.name === 'Error')
    return {message: `The contract refused: ${String(found.args[0]).slice(0, MAX_REASON_LENGTH)}`, fix: LOOK};
  const args = Object.fromEntries(
    found.fragment.inputs.map(({name}, index): [string, unknown] => [name, found.args[index]]),
  );
  const words = REVERT_WORDS.get(found.name)?.(args);
  if (words !== undefined) return {...words, name: found.name};
  const details = Object.entries(args).map(([name, value]) => `${name} ${String(value)}`);
  return {message: ['The contract refused', ...details].join(', '), fix: LOOK, name: found.name};
}

const LOOK = 'Look at how things stand: quiver wallet where, quiver contracts status';

function parse(face: Interface, data: string): ReturnType<Interface['parseError']> {
  try {
    return face.parseError(data);
  } catch {
    return null;
  }
}
