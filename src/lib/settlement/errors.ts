import type {NetworkProfile} from '../config/profile.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import {amountToText} from '../core/units.ts';

/** A loopback network has a faucet; elsewhere tokens come from people. */
export function howToGetFunds(profile: NetworkProfile, address: string): string {
  return profile.chain.id === LOCAL_CHAIN_ID
    ? `quiver chain faucet ${address}`
    : `Send QUIV, and POL for gas, on ${profile.chain.name} to ${address}`;
}
const LOCAL_CHAIN_ID = 31_337;

export function insufficientQuiv(
  profile: NetworkProfile,
  {address, has, needs}: {address: string; has: bigint; needs: bigint},
): QuiverError {
  return new QuiverError({
    code: 'INSUFFICIENT_QUIV',
    message: `${address} has ${amountToText(has)} QUIV, and this takes ${amountToText(needs)}`,
    fix: howToGetFunds(profile, address),
  });
}

export function insufficientPol(
  profile: NetworkProfile,
  {address, has, needs}: {address: string; has: bigint; needs: bigint},
): QuiverError {
  return new QuiverError({
    code: 'INSUFFICIENT_POL',
    message: `${address} has ${amountToText(has)} POL, and this takes ${amountToText(needs)}`,
    fix: howToGetFunds(profile, address),
  });
}

/** Something that a command can't do now, with what to do instead. */
export function notNow(code: string, message: string, fix: string): QuiverError {
  return new QuiverError({code, message, fix});
}

/** A value on the command line that cannot be meant. */
export function wrongValue(code: string, message: string, fix: string): QuiverError {
  return new QuiverError({code, message, fix, exit: EXIT.usage});
}
