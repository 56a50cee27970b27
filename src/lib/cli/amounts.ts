import {EXIT, QuiverError} from '../core/errors.ts';
import {parseAmount} from '../core/units.ts';

/** An amount above zero in base units; people paste it with its unit. Throws a usage error. */
export function amountArgument(text: string, unit: 'QUIV' | 'POL' = 'QUIV'): bigint {
  const amount = parseAmount(text.trim().replace(new RegExp(`\\s*${unit}$`, 'i'), ''));
  if (amount > 0n) return amount;
  throw new QuiverError({
    code: 'AMOUNT_ZERO',
    message: 'The amount has to be more than 0',
    fix: 'Write how much, e.g. 12.5',
    exit: EXIT.usage,
  });
}

/** An address with its checksum; a wrong checksum is a typing error. Throws a usage error. */
export async function addressArgument(text: string): Promise<string> {
  // Loaded only now: it brings native code.
  const {addressFromBytes, addressToBytes} = await import('../core/secp256k1.ts');
  const bytes = addressToBytes(text);
  if (bytes?.some((byte) => byte !== 0) === true) return addressFromBytes(bytes);
  if (bytes !== undefined) {
    throw new QuiverError({
      code: 'ADDRESS_ZERO',
      message: 'The address that is all zeros is nobody’s: what it gets is lost',
      fix: 'Write the address of whom you mean.',
      exit: EXIT.usage,
    });
  }
  throw new QuiverError({
    code: 'ADDRESS_WRONG',
    message: `"${text}" is not an address`,
    fix: 'Write 0x and 40 hexadecimal digits; check every one of them, since a letter differs from the checksum.',
    exit: EXIT.usage,
  });
}
