/** What the examples of the dns commands call zone.txt. */
export const ZONE_FILE = [
  '$ORIGIN quiver.example.',
  '@ 3600 IN SOA ns1 hostmaster 2026010100 7200 3600 1209600 300',
  '@ 3600 IN NS ns1',
  'ns1 300 IN A 203.0.113.53',
  'www 300 IN A 203.0.113.80',
  '',
].join('\n');

/** Nobody's account is to be used. */
export const DNS_ENVIRONMENT = {CLOUDFLARE_API_TOKEN: ''};

const NETWORK = '--zone quiver.example --host 203.0.113.10';

/** Examples that end with something other than 0 where nothing of it runs, and why. */
export const DNS_EXITS: readonly (readonly [example: string, code: number])[] = [
  [`quiver dns plan ${NETWORK} --provider file --zone-file zone.txt`, 3 /* everything is still to be done */],
  [`quiver dns plan ${NETWORK} --provider cloudflare`, 2 /* there is no token */],
  [`quiver dns apply ${NETWORK} --provider file --zone-file zone.txt --plan 3f9c1b2a7d04`, 4 /* of another zone */],
  [`quiver dns check ${NETWORK} --resolver 127.0.0.1:5353`, 1 /* nobody answers there */],
];
