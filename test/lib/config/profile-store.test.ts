import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

import {expect, it} from 'vitest';

import {placesUnder, profilesFolder, userConfigFile, type Places} from '../../../src/lib/config/places.ts';
import {chooseProfile, listProfiles, loadProfile, saveProfile} from '../../../src/lib/config/profile-store.ts';
import {checkProfileName, ZERO_ADDRESS, type NetworkProfile} from '../../../src/lib/config/profile.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const LAB: NetworkProfile = {
  name: 'lab',
  bootstrapNodes: ['/dnsaddr/bootstrap.lab.example', 'node.lab.example:4001'],
  relayNodes: [],
  stunServers: ['stun:stun.quiver.example:3478'],
  loopbackOnly: false,
  protocolPrefix: '/quiver/lab',
  chain: {id: 4242, name: 'Lab chain', rpcUrls: ['https://rpc.lab.example'], explorer: 'https://scan.lab.example'},
  settlement: `0x${'ab'.repeat(20)}`,
};

function places(): Places {
  return placesUnder(temporaryFolder());
}

/** Writes a profile by hand and gives the error of reading it. */
async function fault(text: string): Promise<unknown> {
  const at = places();
  mkdirSync(profilesFolder(at), {recursive: true});
  writeFileSync(join(profilesFolder(at), 'lab.yaml'), text);
  return loadProfile(at, 'lab').then(
    () => expect.fail('accepted'),
    (error: unknown) => error,
  );
}

it('ships local, amoy and polygon, and only local is bound to loopback', async () => {
  const all = await listProfiles(places());
  expect(all.map(({profile}) => [profile.name, profile.chain.id, profile.loopbackOnly, profile.settlement])).toEqual([
    ['local', 31_337, true, ZERO_ADDRESS],
    ['amoy', 80_002, false, ZERO_ADDRESS],
    ['polygon', 137, false, ZERO_ADDRESS],
  ]);
});

it('reads back what it stored, every field', async () => {
  const at = places();
  await saveProfile(at, LAB);
  expect(await loadProfile(at, 'lab')).toEqual(LAB);
  expect((await listProfiles(at)).at(-1)).toMatchObject({builtIn: false, profile: {name: 'lab'}});
});

it('keeps what is there: built-in names, and stored ones unless asked to replace them', async () => {
  const at = places();
  await saveProfile(at, LAB);
  await expect(saveProfile(at, LAB)).rejects.toMatchObject({code: 'PROFILE_EXISTS'});
  await saveProfile(at, {...LAB, bootstrapNodes: []}, {replace: true});
  expect((await loadProfile(at, 'lab')).bootstrapNodes).toEqual([]);
  await expect(saveProfile(at, {...LAB, name: 'amoy'})).rejects.toMatchObject({code: 'PROFILE_BUILT_IN', exit: 2});
});

it('chooses a profile in the user config, and only one that exists', async () => {
  const at = places();
  await saveProfile(at, LAB);
  await chooseProfile(at, 'lab');
  expect(readFileSync(userConfigFile(at), 'utf8')).toBe('profile: lab\n');
  await expect(chooseProfile(at, 'lba')).rejects.toMatchObject({
    code: 'PROFILE_UNKNOWN',
    exit: 2,
    fix: expect.stringContaining('local, amoy, polygon, lab'),
  });
  expect(readFileSync(userConfigFile(at), 'utf8')).toBe('profile: lab\n');
});

it.each(['', '../etc', 'UPPER', 'a b', '-x', 'x'.repeat(33), '__proto__'])('refuses the name "%s"', (name) => {
  expect(() => checkProfileName(name)).toThrow(expect.objectContaining({code: 'PROFILE_NAME', exit: 2}));
});

it('says of mumbai that it is gone, and what took its place', async () => {
  await expect(loadProfile(places(), 'mumbai')).rejects.toMatchObject({fix: expect.stringContaining('amoy')});
});

it.each([
  ['chain: {id: one}', 'chain.id'],
  ['chain: {id: 1}\nbootstrap: []', 'bootstrap'],
  ['chain: {id: 1, rpc_urls: [[]]}', 'chain.rpc_urls'],
  ['chain: {id: 1}\nbootstrap_nodes: [1]', 'bootstrap_nodes'],
  ['chain: {id: 1}\nloopback_only: yes please', 'loopback_only'],
  ['chain: {id: 1}\nstun_servers: ["https://stun.example"]', 'stun_servers'],
  ['chain: {id: 1}\nsettlement: "0x12"', 'settlement'],
  ['chain: {id: 1}\nname: other', 'name'],
  ['chain: {id: 1, __proto__: 1}', 'chain.__proto__'],
  ['[]', 'map'],
  ['{', 'YAML'],
])('names the file and the field that is wrong: %s', async (text, named) => {
  expect(await fault(text)).toMatchObject({
    exit: 2,
    message: expect.stringMatching(new RegExp(`lab\\.yaml: .*${named}`)),
  });
});
