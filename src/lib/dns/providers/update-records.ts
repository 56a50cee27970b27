import type {RecordSet} from '../model/record-set.ts';
import {CLASS, wireRecord, type WireRecord} from '../wire/message.ts';
import {encodeData, typeNumber} from '../wire/rdata.ts';
import type {Change} from './provider.ts';

const NOTHING = Buffer.alloc(0);

/** What has to be so for the update to be carried out (RFC 2136 section 2.4): each set as the plan saw it. */
export function prerequisites(changes: readonly Change[]): WireRecord[] {
  return changes.flatMap(({before, after}) => {
    if (before !== undefined) return before.values.map((value) => ({...toWire(before, value), ttlSeconds: 0}));
    return after === undefined ? [] : [bare(after, CLASS.none)];
  });
}

/** Sets are replaced whole (RFC 2136 section 2.5.2, 2.5.1). */
export function updates(changes: readonly Change[]): WireRecord[] {
  return changes.flatMap(({before, after}) => [
    ...(before === undefined ? [] : [bare(before, CLASS.any)]),
    ...(after === undefined ? [] : after.values.map((value) => toWire(after, value))),
  ]);
}

function toWire({name, type, ttlSeconds}: RecordSet, value: string): WireRecord {
  return wireRecord(name, type, ttlSeconds, encodeData(type, value));
}

function bare({name, type}: RecordSet, recordClass: number): WireRecord {
  return {name, type: typeNumber(type), class: recordClass, ttlSeconds: 0, data: NOTHING};
}
