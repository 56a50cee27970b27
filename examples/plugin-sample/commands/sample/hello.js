/**
 * A command needs nothing but `run`, which gets the words after its name. For flags, help and --json extend `Command`
 * of @oclif/core instead, and name that package as a dependency.
 */
const hello = {
  id: 'sample:hello',
  summary: 'Say hello from a plugin',
  examples: ['<%= config.bin %> <%= command.id %> Ada'],
  // Free words after the name are arguments.
  strict: false,
  args: {},
  flags: {},
  aliases: [],

  async run(words) {
    console.log(`hello ${words.join(' ') || 'world'}, says a plugin of quiver`);
  },
};

export default hello;
