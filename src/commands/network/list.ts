import {BaseCommand} from '../../lib/cli/base-command.ts';
import {table} from '../../lib/cli/output.ts';

export default class NetworkList extends BaseCommand<typeof NetworkList> {
  static override summary = 'Show the networks that commands can belong to';
  static override examples = ['<%= config.bin %> <%= command.id %>'];

  async run(): Promise<object> {
    const {listProfiles} = await import('../../lib/config/profile-store.ts');
    const current = (await this.loadProfile()).name;
    const networks = (await listProfiles(this.places)).map(({profile, builtIn}) => ({
      ...profile,
      builtIn,
      current: profile.name === current,
    }));
    this.log(
      table(
        ['NAME', 'CHAIN', 'BOOTSTRAPS', 'RELAYS', ''],
        networks.map(({name, chain, bootstrapNodes, relayNodes, current: used}) => [
          name,
          `${chain.name} (${chain.id})`,
          String(bootstrapNodes.length),
          String(relayNodes.length),
          used ? 'in use' : '',
        ]),
      ),
    );
    return {networks};
  }
}
