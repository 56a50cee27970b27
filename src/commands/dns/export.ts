import {Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {TOPOLOGY_FLAGS} from '../../lib/cli/dns-flags.ts';

export default class DnsExport extends BaseCommand<typeof DnsExport> {
  static override summary = 'Write the DNS records of a network';
  static override description =
    'Every name that the network needs, from its addresses: A, AAAA and CNAME, SRV and NAPTR of STUN and TURN, the ' +
    "dnsaddr tree that libp2p joins by, CAA and HTTPS. The same input gives the same text, but for the serial, which is the day's.";
  static override flags = {
    ...TOPOLOGY_FLAGS,
    format: Flags.option({
      options: ['bind', 'cloudflare', 'json', 'terraform', 'octodns', 'profile'] as const,
      default: 'bind' as const,
      description:
        'A zone file, a file for the import of Cloudflare, the input of another tool, or a signed profile for quiver network add',
    })(),
    out: Flags.string({char: 'o', helpValue: '<file>', description: 'Write to this file instead of stdout'}),
    serial: Flags.integer({
      min: 1,
      max: 4_294_967_295,
      description: 'Serial of the zone; by default today, and always above that of the file that is replaced',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --zone quiver.example --host 203.0.113.10,2001:db8::10',
    '<%= config.bin %> <%= command.id %> --zone quiver.example --host 203.0.113.10 --format cloudflare --out cloudflare-dns-complete.txt',
  ];

  async run(): Promise<object> {
    const [config, {loadTopology}, {writeOut}, {exportZone}] = await Promise.all([
      this.loadSettings(),
      import('../../lib/cli/dns-topology.ts'),
      import('../../lib/cli/write-out.ts'),
      import('../../lib/dns/write/export-zone.ts'),
    ]);
    const topology = await loadTopology(config, this.interactive);
    const {format, out, serial} = this.flags;
    const write = async (previous?: string): Promise<string> => {
      if (format !== 'profile') return exportZone(topology, {format, serial, previous, date: new Date()});
      const {exportProfile} = await import('../../lib/catalog/dns-profile.ts');
      return exportProfile(config, this.places, topology);
    };
    const {text, file} = await writeOut(write, out);
    if (file === undefined) process.stdout.write(this.jsonEnabled() ? '' : text);
    else this.note(`Wrote ${file}`);
    return {zone: topology.zone, format, ...(file === undefined ? {text} : {file})};
  }
}
