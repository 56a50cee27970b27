import {createReadStream} from 'node:fs';

import {EXIT, QuiverError} from '../core/errors.ts';
import {readAll} from '../core/read-all.ts';
import type {SignedVoucher} from '../settlement/channels/voucher.ts';

/** Many times what a voucher has; `voucherFromJson` has the bound. */
const READ_LIMIT_BYTES = 65_536;

/** A voucher from a file or, for `-`, from stdin. Throws `VOUCHER_INVALID`, `VOUCHER_FILE`. */
export async function readVoucher(path: string): Promise<SignedVoucher> {
  const {voucherFromJson} = await import('../settlement/channels/voucher.ts');
  try {
    const source = path === '-' ? process.stdin : createReadStream(path);
    return voucherFromJson((await readAll(source, READ_LIMIT_BYTES)).toString());
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
