/** What stands between a host and the internet of the lab. */
export type NatKind =
  | 'full-cone'
  | 'address-restricted'
  | 'port-restricted'
  | 'symmetric'
  /** A port-restricted router that lets no UDP out. */
  | 'udp-blocked'
  /** The same, and TCP only to 443 and 5349. */
  | 'tls-only';

/**
 * The nftables rules of one router between its interfaces `lan` and `wan`; `host` is the address behind it that
 * unsolicited packets go to, where they go anywhere.
 *
 * Linux keeps the port of a flow where it can, so `masquerade` maps independently of the endpoint (RFC 4787 REQ-1) and
 * `fully-random` does not. What comes in without a flow is dropped: were it let through to the router, it would take
 * the very flow that the host behind is about to open, and that one would be mapped to another port.
 */
export function natRules(kind: NatKind, host: string): string {
  return `table ip lab {
    chain input { type filter hook input priority filter; iifname "wan" ct state new drop; }
    chain out { type nat hook postrouting priority srcnat; oifname "wan" ${mapping(kind)}; }
    ${filtering(kind, host)}
  }`;
}

function mapping(kind: NatKind): string {
  return kind === 'symmetric' ? 'masquerade fully-random' : 'masquerade';
}

function filtering(kind: NatKind, host: string): string {
  switch (kind) {
    case 'full-cone':
      return `chain in {
        type nat hook prerouting priority dstnat; iifname "wan" meta l4proto udp dnat to ${host};
      }`;
    case 'address-restricted':
      return `set known { type ipv4_addr . inet_service; size 65535; flags dynamic,timeout; timeout 2m; }
      chain learn { type filter hook forward priority filter; iifname "lan" update @known { ip daddr . udp sport }; }
      chain in {
        type nat hook prerouting priority dstnat; iifname "wan" ip saddr . udp dport @known dnat to ${host};
      }`;
    case 'udp-blocked':
      return 'chain wall { type filter hook forward priority filter; iifname "lan" meta l4proto udp drop; }';
    case 'tls-only':
      return `chain wall {
        type filter hook forward priority filter;
        iifname "lan" meta l4proto udp drop;
        iifname "lan" tcp dport != { 443, 5349 } drop;
      }`;
    default:
      return '';
  }
}
