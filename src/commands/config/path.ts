import {BaseCommand} from '../../lib/cli/base-command.ts';
import {table} from '../../lib/cli/output.ts';
import {projectFile} from '../../lib/config/load.ts';
import {userConfigFile} from '../../lib/config/places.ts';

export default class ConfigPath extends BaseCommand<typeof ConfigPath> {
  static override summary = 'Print the files and folders that quiver uses';
  static override description = 'QUIVER_HOME moves the config, data, state and run folders together.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<object> {
    const paths = {
      project: projectFile({cwd: this.folder, ...this.configFile}),
      user: userConfigFile(this.places),
      ...this.places,
    };
    this.log(table(['WHAT', 'PATH'], Object.entries(paths)));
    return paths;
  }
}
