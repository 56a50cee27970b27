// Answers every datagram and says on stdout that it came: `node echo-process.ts PORT [IPv4 or IPv6 address…]`.
import {createSocket} from 'node:dgram';
import {isIPv6} from 'node:net';

const [port, ...addresses] = process.argv.slice(2);
for (const address of addresses) {
  const socket = createSocket(isIPv6(address) ? {type: 'udp6', ipv6Only: true} : {type: 'udp4'});
  socket.on('message', (bytes, from) => {
    process.stdout.write(`got ${bytes.toString('hex')} on ${address}\n`);
    socket.send(bytes, from.port, from.address);
  });
  socket.bind(Number(port), address, () => process.stdout.write(`listening ${address}\n`));
}
