import {fromBinary} from '@bufbuild/protobuf';
import type {DescMessage, MessageShape} from '@bufbuild/protobuf';

import {invalidRecord} from './record-error.ts';

/** Reads a protobuf message of at most `maxBytes`. Throws `RECORD_INVALID`. */
export function readMessage<D extends DescMessage>(
  schema: D,
  bytes: Uint8Array,
  record: string,
  maxBytes: number,
): MessageShape<D> {
  if (bytes.length > maxBytes) throw invalidRecord(record, `it has ${bytes.length} bytes, more than ${maxBytes}`);
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw invalidRecord(record, 'its bytes are cut or are not this kind of record', cause);
  }
}
