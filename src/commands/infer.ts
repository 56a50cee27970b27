import {open} from 'node:fs/promises';

import {Args, Flags, type Interfaces} from '@oclif/core';

import {openClient} from '../lib/catalog/open-client.ts';
import {BaseCommand} from '../lib/cli/base-command.ts';
import {keyListFlag} from '../lib/cli/flags.ts';
import {inferRequest, isModelFile, readPrompt} from '../lib/cli/infer-input.ts';
import {AnswerPrinter} from '../lib/cli/infer-output.ts';
import {toJson} from '../lib/core/json.ts';

export default class Infer extends BaseCommand<typeof Infer> {
  static override summary = 'Ask the network a question; the answer streams to stdout';
  static override description =
    'Asks through the quiver that runs on this machine, else through a short-lived node. The provider that answers can read the prompt.';
  static override args = {
    prompt: Args.string({required: true, description: 'The question, or - to read it from stdin'}),
  };
  static override flags = {
    model: Flags.string({
      char: 'm',
      helpValue: '<name>',
      description: 'Model name, digest or GGUF file; any model if left out',
    }),
    system: Flags.string({helpValue: '<text>', description: 'Instructions that come before the question'}),
    'max-tokens': Flags.integer({min: 1, max: 1_000_000, description: 'Longest answer, in tokens; 1024 if left out'}),
    temperature: Flags.string({helpValue: '<0-2>', description: 'How freely words are drawn; 0 if left out'}),
    seed: Flags.integer({min: 0, max: 2 ** 32 - 1, description: 'Makes drawn words repeatable'}),
    'max-price': Flags.string({helpValue: '<QUIV>', description: 'Most that the whole answer may cost'}),
    race: Flags.integer({
      min: 2,
      max: 8,
      exclusive: ['broadcast'],
      description: 'Ask so many providers at once and take the fastest',
    }),
    broadcast: Flags.boolean({description: 'Ask every provider and take the first whole answer with a valid receipt'}),
    timeout: Flags.string({helpValue: '<duration>', description: 'Longest wait for the whole answer, e.g. 90s'}),
    trace: Flags.boolean({description: 'Say who was considered and what happened'}),
    receipt: Flags.string({helpValue: '<file>', description: 'Also write the receipt to this file'}),
    bootstrap: keyListFlag('network.bootstrap_nodes') as Interfaces.OptionFlag<string[] | undefined>,
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> "What is a relay node?"',
    'cat question.txt | <%= config.bin %> <%= command.id %> - --max-tokens 200 --json',
    '<%= config.bin %> <%= command.id %> "Say hello" --model ./models/quiver-tiny.gguf',
  ];

  async run(): Promise<void> {
    const {model, receipt} = this.flags;
    const file = model !== undefined && isModelFile(model) ? model : undefined;
    const signal = this.abortSignal;
    const request = inferRequest(await readPrompt(this.args.prompt, process.stdin), this.flags);
    const client = openClient({
      config: await this.loadSettings(),
      places: this.places,
      version: this.config.version,
      log: () => this.createLogger(),
      ...(file === undefined
        ? {onOwnNode: () => this.note('Nothing of quiver runs here: asking through a short-lived node.')}
        : {modelPath: file}),
    });
    // Before anything is asked: an answer without the receipt that was wanted would be paid for in vain.
    await using receiptFile = receipt === undefined ? undefined : await open(receipt, 'w');
    const printer = new AnswerPrinter(this, process.stdout);
    try {
      for await (const event of client.infer(request, signal)) {
        if (event.event === 'receipt') await receiptFile?.writeFile(`${toJson(event.receipt, 2)}\n`);
        if (this.jsonEnabled()) this.event(event);
        else await printer.print(event);
      }
    } finally {
      if (!this.jsonEnabled()) printer.finishLine();
      await client.close();
    }
  }
}
