import {Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {table} from '../../lib/cli/output.ts';
import {controlSocket} from '../../lib/config/places.ts';
import {durationToText} from '../../lib/core/units.ts';

export default class IceServers extends BaseCommand<typeof IceServers> {
  static override summary = 'Print the ICE server list, with fresh time-limited credentials';
  static override description =
    'Of the process that runs in this profile, or of the API at a URL. A table at a terminal, JSON elsewhere. ' +
    'The token for an API that asks for one comes from a file, or from QUIVER_ICE_TOKEN.';
  static override flags = {
    user: Flags.string({helpValue: '<DID>', description: 'Whom the credentials are for', default: 'did:quiver:local'}),
    url: Flags.string({helpValue: '<URL>', description: 'Ask this ICE servers API'}),
    'token-file': Flags.string({helpValue: '<file>', description: 'File (0600) with the token of that API'}),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --user did:peers:alice --json',
  ];

  async run(): Promise<object> {
    const {askIceServers} = await import('../../lib/turn/ice-api/ask-ice-servers.ts');
    const {user, url, 'token-file': tokenFile} = this.flags;
    const {servers, ttlMs} = await askIceServers({
      user,
      url,
      tokenFile,
      token: this.environment['QUIVER_ICE_TOKEN'],
      socketPath: controlSocket(this.places, (await this.loadProfile()).name),
      signal: this.abortSignal,
    });
    const list = {ice_servers: servers, ...(ttlMs !== undefined && {ttl: ttlMs / 1_000})};
    if (this.jsonEnabled()) return list;
    if (!process.stdout.isTTY) this.logJson(list);
    else {
      const rows = servers.flatMap(({urls, username = '', credential = ''}) =>
        urls.map((each) => [each, ...(each.startsWith('turn') ? [username, credential] : [])]),
      );
      this.log(table(['URL', 'USERNAME', 'CREDENTIAL'], rows));
      if (ttlMs !== undefined) this.note(`The credentials last ${durationToText(ttlMs)}.`);
    }
    return list;
  }
}
