import {join} from 'node:path';

import type {Command} from '@oclif/core';

import type {ServiceName} from '../catalog/service-names.ts';
import {createServices} from '../catalog/services.ts';
import type {Config} from '../config/config.ts';
import {controlSocket, runFile} from '../config/places.ts';
import type {Backend} from '../inference/backend.ts';
import type {Logger} from '../observability/logger.ts';
import type {Service} from '../service/service.ts';
import type {BaseCommand} from './base-command.ts';
import {collectPluginBackends} from './plugins.ts';
import {runServices, serviceLogger, type RunOptions} from './run-services.ts';

/** Looking for inference servers and loading a model from a slow disk end within it. */
const BACKENDS_TIMEOUT_MS = 60_000;

/** Reading keys and asking a STUN server for the public address end within it. */
const SET_UP_TIMEOUT_MS = 30_000;

export interface OfferedModels {
  /** GGUF files to serve with the embedded engine. */
  modelPaths?: readonly string[] | undefined;
  /** Serve the built-in model even when something else was found. */
  embedded?: boolean;
}

/** Runs services of one profile until they are stopped: what `run` and every `X start` do. */
export async function serve(
  command: BaseCommand<typeof Command>,
  names: readonly [ServiceName, ...ServiceName[]],
  models: OfferedModels = {},
): Promise<void> {
  const config = await command.loadSettings();
  const log = await serviceLogger(config.get('log.level'));
  const backends = names.includes('provider') ? await ownBackends(command, config, log, models) : [];
  const services = await createServices(names, {
    config,
    places: command.places,
    environment: process.env,
    version: command.config.version,
    backends,
    signal: AbortSignal.timeout(SET_UP_TIMEOUT_MS),
  });
  await runHere(command, config, {services, log});
}

/** The back ends of this machine: servers that run here or are named, plugins, model files. */
export async function ownBackends(
  command: BaseCommand<typeof Command>,
  config: Config,
  log: Logger,
  {modelPaths = [], embedded = false}: OfferedModels,
): Promise<Backend[]> {
  const {findBackends} = await import('../catalog/find-backends.ts');
  return findBackends({
    config,
    log,
    modelPaths,
    embedded,
    builtInModel: join(command.config.root, 'models', 'quiver-tiny.gguf'),
    extra: await collectPluginBackends(command.config),
    signal: AbortSignal.timeout(BACKENDS_TIMEOUT_MS),
  });
}

/** Runs services as the one process of their profile, with the admin server and the control socket of the settings. */
export async function runHere(
  command: BaseCommand<typeof Command>,
  config: Config,
  options: {services: readonly Service[]; log: Logger} & Pick<RunOptions, 'admin' | 'onReady'>,
): Promise<void> {
  const {name} = config.profile;
  await runServices(command, {
    profile: name,
    admin: {host: config.get('admin.host'), port: config.get('admin.port')},
    socketPath: controlSocket(command.places, name),
    runFile: runFile(command.places, name),
    ...options,
  });
}
