import {chmodSync, existsSync, readdirSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {DatabaseSync} from 'node:sqlite';

import {describe, expect, it} from 'vitest';

import {openDatabase, transaction} from '../../../src/lib/storage/database.ts';
import {explainingStorage} from '../../../src/lib/storage/storage-error.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const TABLE = 'CREATE TABLE note (text TEXT NOT NULL) STRICT';

function freshPath(): string {
  return join(temporaryFolder(), 'data', 'notes.db');
}

describe('openDatabase', () => {
  it('makes a private file and applies each migration once', () => {
    const path = freshPath();
    openDatabase({path, migrations: [TABLE]}).close();
    const database = openDatabase({path, migrations: [TABLE, 'ALTER TABLE note ADD COLUMN n INTEGER']});
    database.exec(`INSERT INTO note VALUES ('a', 1)`);
    for (const file of readdirSync(join(path, '..'))) {
      expect([file, statSync(join(path, '..', file)).mode & 0o777]).toEqual([file, 0o600]);
    }
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700);
    database.close();
  });

  it('undoes a migration that fails', () => {
    const path = freshPath();
    expect(() => openDatabase({path, migrations: [TABLE, 'NONSENSE']})).toThrow('NONSENSE');
    const database = openDatabase({path, migrations: [TABLE]});
    expect(database.prepare('SELECT count(*) AS n FROM note').get()).toEqual({n: 0});
    database.close();
  });

  it('refuses a database of a newer quiver instead of misreading it', () => {
    const path = freshPath();
    openDatabase({path, migrations: [TABLE, 'CREATE TABLE more (n)']}).close();
    expect(() => openDatabase({path, migrations: [TABLE]})).toThrow(expect.objectContaining({code: 'STORE_NEWER'}));
  });
});

describe('transaction', () => {
  it('keeps all or nothing', () => {
    const database = openDatabase({path: ':memory:', migrations: [TABLE]});
    const insert = database.prepare('INSERT INTO note VALUES (?)');
    const broken = () =>
      transaction(database, () => {
        insert.run('a');
        throw new Error('halfway');
      });
    expect(broken).toThrow('halfway');
    expect(transaction(database, () => insert.run('b').changes)).toBe(1);
    expect(database.prepare('SELECT text FROM note').all()).toEqual([{text: 'b'}]);
    database.close();
  });
});

describe('failures of the disk', () => {
  it('STORE_FULL: says so, keeps what was there and works again once there is room', () => {
    const path = freshPath();
    const database = openDatabase({path, migrations: [TABLE]});
    const insert = database.prepare('INSERT INTO note VALUES (?)');
    insert.run('first');
    database.exec('PRAGMA max_page_count=4');
    const fill = () => transaction(database, () => insert.run('x'.repeat(100_000)));
    expect(fill).toThrow(expect.objectContaining({code: 'STORE_FULL', fix: expect.stringContaining('df -h')}));
    expect(database.isTransaction).toBe(false);
    database.exec('PRAGMA max_page_count=1000');
    expect(fill().changes).toBe(1);
    expect(database.prepare('SELECT count(*) AS n FROM note').get()).toEqual({n: 2});
    database.close();
  });

  it('STORE_CORRUPT: names the file and how to put it aside', () => {
    const path = join(temporaryFolder(), 'notes.db');
    writeFileSync(path, 'this is a letter to my grandmother'.repeat(100));
    expect(() => openDatabase({path, migrations: [TABLE]})).toThrow(
      expect.objectContaining({code: 'STORE_CORRUPT', fix: expect.stringContaining(`mv '${path}'`)}),
    );
    expect(existsSync(path)).toBe(true);
  });

  it('STORE_LOCKED: another process is writing', () => {
    const path = freshPath();
    const database = openDatabase({path, migrations: [TABLE]});
    database.exec('PRAGMA busy_timeout=10');
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const insert = database.prepare('INSERT INTO note VALUES (?)');
    expect(() => insert.run('a')).toThrow(expect.objectContaining({code: 'STORE_LOCKED'}));
    other.exec('ROLLBACK');
    expect(insert.run('a').changes).toBe(1);
    other.close();
    database.close();
  });

  it('STORE_READ_ONLY: the database may not be written', () => {
    const path = freshPath();
    const database = openDatabase({path, migrations: [TABLE]});
    database.exec('PRAGMA query_only=ON');
    expect(() => database.exec(`INSERT INTO note VALUES ('a')`)).toThrow(
      expect.objectContaining({code: 'STORE_READ_ONLY'}),
    );
    database.close();
  });

  // The superuser may write anywhere.
  it.skipIf(process.getuid?.() === 0)('STORE_READ_ONLY: the folder may not be written', () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o500);
    expect(() => openDatabase({path: join(folder, 'a', 'notes.db'), migrations: [TABLE]})).toThrow(
      expect.objectContaining({code: 'STORE_READ_ONLY'}),
    );
    chmodSync(folder, 0o700);
  });

  it.each([
    ['ENOSPC', 'STORE_FULL'],
    ['EROFS', 'STORE_READ_ONLY'],
    ['EACCES', 'STORE_READ_ONLY'],
  ])('takes %s of the system for %s', (systemCode, code) => {
    const fail = () => {
      throw Object.assign(new Error('no'), {code: systemCode});
    };
    expect(() => explainingStorage('/x', fail)).toThrow(expect.objectContaining({code}));
  });

  it('STORE_FAULT: an input or output error, which a full disk is too while SQLite makes room for its index', () => {
    const fail = () => {
      throw Object.assign(new Error('disk I/O error'), {errcode: 10 | (19 << 8)});
    };
    expect(() => explainingStorage('/x', fail)).toThrow(expect.objectContaining({code: 'STORE_FAULT'}));
  });

  it('leaves every other error as it is', () => {
    const database = openDatabase({path: ':memory:', migrations: [TABLE]});
    expect(() => database.prepare('INSERT INTO note VALUES (NULL)').run()).toThrow(/NOT NULL/);
    expect(() => database.prepare('SELEKT')).toThrow(/SELEKT/);
    database.close();
  });
});
