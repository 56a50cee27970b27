import {createHash, randomBytes} from 'node:crypto';
import {link, open, unlink, type FileHandle} from 'node:fs/promises';
import {basename, extname, join} from 'node:path';

import {equalBytes} from '../../core/bytes.ts';
import type {IceConnection} from '../connection.ts';
import type {IceStream} from '../stream.ts';
import {jobFailed, type JobHeader} from './job.ts';

export interface SentFile {
  name: string;
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
  ms: number;
}

export interface ReceivedFile extends SentFile {
  /** Where it is now. */
  path: string;
}

type Progress = (doneBytes: number, totalBytes: number) => void;

const DIGEST_BYTES = 32;
const CHUNK_BYTES = 256 * 1024;
/** What the receiver says when the file lies there whole. */
const STORED = 1;
/** `report.pdf`, `report (1).pdf` and so on. */
const NAMES_LIMIT = 1_000;
/** Readable for its owner; sharing it is for the owner to decide. */
const FILE_MODE = 0o600;

/** Sends a file, and its SHA-256 behind it; resolves when the other side has it whole. Errors: FILE_…, ICE_…. */
export async function sendFile(
  connection: IceConnection,
  path: string,
  progress: Progress = () => {},
): Promise<SentFile> {
  const file = await openToRead(path);
  try {
    const info = await file.stat();
    if (!info.isFile()) throw jobFailed('FILE_KIND', `${path} is not a file`, 'Send a file: tar -cf folder.tar folder');
    const {size} = info;
    const name = basename(path);
    const startedMs = performance.now();
    const stream = connection.openStream({kind: 'file', name, size});
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    let sent = 0;
    while (sent < size) {
      const {bytesRead} = await file.read(buffer, 0, Math.min(buffer.length, size - sent));
      if (bytesRead === 0) throw cutShort(stream, path);
      // The stream keeps what it is given until the other side has it.
      const chunk = Buffer.from(buffer.subarray(0, bytesRead));
      hash.update(chunk);
      await stream.write(chunk);
      sent += bytesRead;
      progress(sent, size);
    }
    const digest = hash.digest();
    await stream.write(digest);
    stream.end();
    let answer: number | undefined;
    for await (const chunk of stream) answer = chunk[0];
    if (answer !== STORED) throw jobFailed('FILE_NOT_STORED', `${name} did not arrive whole`, 'Send it again.');
    return {name, bytes: size, sha256: digest.toString('hex'), ms: performance.now() - startedMs};
  } finally {
    await file.close();
  }
}

/**
 * Takes a file into a folder, under its own name or the next that is free. Nothing is there before all has come and its
 * SHA-256 is right. Errors: FILE_DAMAGED, ICE_STREAM_RESET.
 */
export async function receiveFile(
  stream: IceStream,
  {name, size}: Extract<JobHeader, {kind: 'file'}>,
  folder: string,
  progress: Progress = () => {},
): Promise<ReceivedFile> {
  const startedMs = performance.now();
  const draft = join(folder, `.${randomBytes(8).toString('hex')}.part`);
  const file = await open(draft, 'wx', FILE_MODE).catch((cause: unknown) => {
    stream.reset('it can not be stored');
    throw jobFailed('FILE_FOLDER', `No file can be made in ${folder}`, 'Name a folder that you may write to.', cause);
  });
  try {
    const sha256 = await store(stream, file, size, progress);
    await file.close();
    const path = await giveName(draft, folder, name);
    await stream.write(Buffer.of(STORED));
    stream.end();
    return {name, bytes: size, sha256, ms: performance.now() - startedMs, path};
  } catch (error) {
    stream.reset('it was not stored');
    throw error;
  } finally {
    await file.close().catch(() => undefined);
    await unlink(draft).catch(() => undefined);
  }
}

async function store(stream: IceStream, file: FileHandle, size: number, progress: Progress): Promise<string> {
  const hash = createHash('sha256');
  const tail: Buffer[] = [];
  let done = 0;
  for await (const chunk of stream) {
    const content = chunk.subarray(0, Math.max(0, size - done));
    if (content.length > 0) {
      hash.update(content);
      await file.writeFile(content);
      done += content.length;
      progress(done, size);
    }
    if (content.length < chunk.length) tail.push(chunk.subarray(content.length));
    if (tail.reduce((sum, {length}) => sum + length, 0) > DIGEST_BYTES) throw damaged();
  }
  const digest = hash.digest();
  if (done !== size || !equalBytes(Buffer.concat(tail), digest)) throw damaged();
  await file.sync();
  return digest.toString('hex');
}

/** A link fails where there is something already, so that nothing is ever overwritten. */
async function giveName(draft: string, folder: string, name: string): Promise<string> {
  const extension = extname(name);
  const stem = name.slice(0, name.length - extension.length);
  for (let number = 0; number < NAMES_LIMIT; number++) {
    const path = join(folder, number === 0 ? name : `${stem} (${number})${extension}`);
    try {
      await link(draft, path);
      return path;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
  throw jobFailed('FILE_NAMES', `${folder} has a thousand files called ${name}`, 'Name another folder.');
}

async function openToRead(path: string): Promise<FileHandle> {
  return open(path, 'r').catch((cause: unknown) => {
    throw jobFailed('FILE_UNREADABLE', `${path} can't be read`, 'Look at its name and who may read it: ls -l', cause);
  });
}

function cutShort(stream: IceStream, path: string): Error {
  stream.reset('the file became shorter');
  return jobFailed(
    'FILE_CHANGED',
    `${path} became shorter while it was sent`,
    'Send it again when nobody writes to it.',
  );
}

function damaged(): Error {
  return jobFailed('FILE_DAMAGED', 'What came is not the file that was announced', 'Send it again.');
}
