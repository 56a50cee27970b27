import {readdir} from 'node:fs/promises';
import {join} from 'node:path';

import {EXIT, QuiverError} from '../core/errors.ts';
import {replaceFile} from '../core/private-file.ts';
import {setConfigValue} from './edit.ts';
import {readText} from './file.ts';
import {profilesFolder, userConfigFile, type Places} from './places.ts';
import {parseProfile, profileToYaml} from './profile-file.ts';
import {BUILT_IN_PROFILES, checkProfileName, type NetworkProfile} from './profile.ts';

export interface StoredProfile {
  profile: NetworkProfile;
  /** Ships with quiver and cannot be changed. */
  builtIn: boolean;
  /** Where it is written down; undefined for a built-in one. */
  file?: string;
}

/** More profiles than a person names; keeps a folder full of other things from being read whole. */
const MAX_PROFILES = 256;

/** All profiles, the built-in ones first. */
export async function listProfiles(places: Places): Promise<StoredProfile[]> {
  const stored: StoredProfile[] = [...BUILT_IN_PROFILES.values()].map((profile) => ({profile, builtIn: true}));
  for (const name of await userProfileNames(places)) {
    const file = profileFile(places, name);
    const profile = await readProfile(file, name);
    if (profile !== undefined) stored.push({profile, builtIn: false, file});
  }
  return stored;
}

/** A profile by name; an unknown one is a usage error that says which there are. */
export async function loadProfile(places: Places, name: string): Promise<NetworkProfile> {
  checkProfileName(name);
  const profile = BUILT_IN_PROFILES.get(name) ?? (await readProfile(profileFile(places, name), name));
  if (profile !== undefined) return profile;
  const known = [...BUILT_IN_PROFILES.keys(), ...(await userProfileNames(places))];
  throw new QuiverError({
    code: 'PROFILE_UNKNOWN',
    message: `There is no network profile "${name}"`,
    fix: `Use one of ${known.join(', ')}, or make it: quiver network add ${name} --bootstrap ADDRESS`,
    exit: EXIT.usage,
  });
}

/**
 * Writes a user profile and returns its file.
 * Refuses the name of a built-in profile, and that of a stored one unless `replace` is set.
 */
export async function saveProfile(
  places: Places,
  profile: NetworkProfile,
  {replace = false}: {replace?: boolean} = {},
): Promise<string> {
  checkProfileName(profile.name);
  if (BUILT_IN_PROFILES.has(profile.name)) {
    throw new QuiverError({
      code: 'PROFILE_BUILT_IN',
      message: `The profile ${profile.name} ships with quiver and cannot be changed`,
      fix: `Choose another name, e.g. my-${profile.name}.`,
      exit: EXIT.usage,
    });
  }
  const file = profileFile(places, profile.name);
  if (!replace && (await readText(file)) !== undefined) {
    throw new QuiverError({
      code: 'PROFILE_EXISTS',
      message: `There is a profile ${profile.name} already (${file})`,
      fix: 'Choose another name, or add --force to replace it.',
    });
  }
  const text = await profileToYaml(profile);
  await parseProfile(text, file, profile.name);
  await replaceFile(file, text);
  return file;
}

/** Makes a profile the one that commands use without --profile; returns the file that now says so. */
export async function chooseProfile(places: Places, name: string): Promise<string> {
  await loadProfile(places, name);
  const file = userConfigFile(places);
  await setConfigValue(file, 'profile', name);
  return file;
}

function profileFile(places: Places, name: string): string {
  return join(profilesFolder(places), `${name}.yaml`);
}

async function readProfile(file: string, name: string): Promise<NetworkProfile | undefined> {
  const text = await readText(file);
  return text === undefined ? undefined : parseProfile(text, file, name);
}

async function userProfileNames(places: Places): Promise<string[]> {
  const names = await readdir(profilesFolder(places)).catch((): string[] => []);
  return names
    .filter((name) => /^[a-z0-9][a-z0-9-]{0,31}\.yaml$/.test(name))
    .map((name) => name.slice(0, -'.yaml'.length))
    .filter((name) => !BUILT_IN_PROFILES.has(name))
    .toSorted()
    .slice(0, MAX_PROFILES);
}
