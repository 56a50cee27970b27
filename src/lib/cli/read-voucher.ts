import {readFile} from 'node:fs/promises';
import {text} from 'node:stream/consumers';

import {EXIT, QuiverError} from '../core/errors.ts';
import type {SignedVoucher} from '../settlement/channels/voucher.ts';

/** A voucher from a file or, for `-`, from stdin. Throws `VOUCHER_INVALID`, `VOUCHER_FILE`. */
export async function readVoucher(path: string): Promise<SignedVoucher> {
  const {voucherFromJson} = await import('../settlement/channels/voucher.ts');
  if (path === '-') return voucherFromJson(await text(process.stdin));
  try {
    return voucherFromJson(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof QuiverError) throw error;
    throw new QuiverError({
      code: 'VOUCHER_FILE',
      message: `The voucher ${path} cannot be read: ${error instanceof Error ? error.message : 'unknown reason'}`,
      fix: 'Name the file that the payer handed over, or - for stdin.',
      exit: EXIT.usage,
      cause: error,
    });
  }
}
