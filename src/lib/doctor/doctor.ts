import {fileURLToPath} from 'node:url';

import type {Config} from '../config/config.ts';
import type {Environment} from '../config/expand.ts';
import {DEFAULT_PROFILE} from '../config/profile.ts';
import {userConfigFile, type Places} from '../config/places.ts';
import {runChecks, type Check, type CheckResult} from './check.ts';
import {backendsCheck, engineCheck} from './engine.ts';
import {clockCheck, nodeCheck, openFilesCheck} from './machine.ts';
import {identitiesCheck, placesCheck} from './places.ts';
import {portsCheck} from './ports.ts';
import {runningCheck} from './running.ts';
import {entryPointsCheck, environmentCheck, settingsCheck} from './settings.ts';

export interface DoctorOptions {
  places: Places;
  environment: Environment;
  /** Rejects with what is wrong with the settings. */
  loadConfig: () => Promise<Config>;
  /** The built-in model. */
  modelPath: string;
  /** @default that of this process */
  nodeVersion?: string;
}

/** Looks at everything local that has to be right for quiver to work; contacts nobody beyond this machine. */
export function diagnose(options: DoctorOptions, signal: AbortSignal): Promise<CheckResult[]> {
  return runChecks(checksFor(options), signal);
}

function checksFor({places, environment, loadConfig, modelPath, nodeVersion}: DoctorOptions): Check[] {
  // With broken settings the checks that only need a name go on with the default profile.
  const profileName = (): Promise<string> =>
    loadConfig().then(
      (config) => config.profile.name,
      () => DEFAULT_PROFILE,
    );
  return [
    nodeCheck(nodeVersion ?? process.version),
    clockCheck([fileURLToPath(import.meta.url), userConfigFile(places), places.data, places.state]),
    placesCheck(places, profileName),
    settingsCheck(loadConfig),
    environmentCheck(environment),
    identitiesCheck(places),
    runningCheck(places, profileName),
    entryPointsCheck(loadConfig),
    portsCheck(places, loadConfig),
    engineCheck(modelPath),
    backendsCheck(loadConfig),
    openFilesCheck(),
  ];
}
