import {openClient} from '../lib/catalog/open-client.ts';
import {BaseCommand} from '../lib/cli/base-command.ts';
import {keyListFlag} from '../lib/cli/flags.ts';
import {modelTable} from '../lib/cli/infer-output.ts';

export default class Models extends BaseCommand<typeof Models> {
  static override summary = 'List the models that the network offers';
  static override description = 'From the signed manifests of its providers; the price is the lowest of them.';
  static override flags = {bootstrap: keyListFlag('network.bootstrap_nodes')};
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<object> {
    const client = openClient({
      config: await this.loadSettings(),
      places: this.places,
      version: this.config.version,
      log: () => this.createLogger(),
      onOwnNode: () => this.note('Nothing of quiver runs here: looking through a short-lived node.'),
    });
    try {
      const models = await client.models(this.abortSignal);
      if (models.length === 0) this.note('No provider is on this network yet. Be one: quiver provider start');
      else this.log(modelTable(models));
      return {models};
    } finally {
      await client.close();
    }
  }
}
