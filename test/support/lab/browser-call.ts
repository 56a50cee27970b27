export interface RelayCall {
  iceServers: {urls: string | string[]; username?: string; credential?: string}[];
  /** How many messages go out and are echoed. */
  messages: number;
  /** Bytes of each. */
  size?: number;
  /** Between two messages; 0 sends all at once. */
  intervalMs?: number;
}

export interface RelayReport {
  sent: number;
  echoed: number;
  /** From the first offer to the open channel. */
  setupMs: number;
  /** The longest time without an echo while messages were due. */
  longestGapMs: number;
  local: string;
  remote: string;
  relayProtocol: string;
  errors: string[];
}

/**
 * Runs inside a page (so nothing from outside this function exists in it): two connections that may only use relays,
 * a data channel between them, messages out and echoes back.
 */
export async function relayCall(call: RelayCall): Promise<RelayReport> {
  const page = globalThis as any;
  const started = performance.now();
  const configuration = {iceServers: call.iceServers, iceTransportPolicy: 'relay'};
  const [caller, callee] = [new page.RTCPeerConnection(configuration), new page.RTCPeerConnection(configuration)];
  const report: RelayReport = {
    sent: 0,
    echoed: 0,
    setupMs: 0,
    longestGapMs: 0,
    local: '',
    remote: '',
    relayProtocol: '',
    errors: [],
  };
  for (const [from, to] of [
    [caller, callee],
    [callee, caller],
  ]) {
    from.addEventListener('icecandidate', ({candidate}: any) => candidate && to.addIceCandidate(candidate));
    from.addEventListener('icecandidateerror', ({errorCode, errorText, url}: any) =>
      report.errors.push(`${url} ${errorCode} ${errorText}`),
    );
  }
  callee.addEventListener('datachannel', ({channel}: any) => {
    channel.addEventListener('message', ({data}: any) => channel.send(data));
  });
  const channel = caller.createDataChannel('echo');
  channel.binaryType = 'arraybuffer';
  const opened = new Promise<void>((resolve, reject) => {
    channel.addEventListener('open', () => resolve());
    setTimeout(() => reject(new Error(`not connected after 20 s: ${report.errors.join('; ')}`)), 20_000);
  });
  await caller.setLocalDescription(await caller.createOffer());
  await callee.setRemoteDescription(caller.localDescription);
  await callee.setLocalDescription(await callee.createAnswer());
  await caller.setRemoteDescription(callee.localDescription);
  await opened;
  report.setupMs = performance.now() - started;

  let last = performance.now();
  const done = new Promise<void>((resolve) => {
    channel.addEventListener('message', () => {
      const now = performance.now();
      report.longestGapMs = Math.max(report.longestGapMs, now - last);
      last = now;
      report.echoed += 1;
      if (report.echoed === call.messages) resolve();
    });
  });
  const body = new Uint8Array(call.size ?? 160);
  for (let i = 0; i < call.messages; i += 1) {
    channel.send(body);
    report.sent += 1;
    if (call.intervalMs) await new Promise((resolve) => setTimeout(resolve, call.intervalMs));
  }
  await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 10_000))]);

  const stats = [...(await caller.getStats()).values()];
  const {selectedCandidatePairId} = stats.find(({type}: any) => type === 'transport');
  const pair = stats.find(({id}: any) => id === selectedCandidatePairId);
  const [local, remote] = [pair.localCandidateId, pair.remoteCandidateId].map((id) =>
    stats.find((one: any) => one.id === id),
  );
  report.local = local.candidateType;
  report.remote = remote.candidateType;
  report.relayProtocol = local.relayProtocol;
  caller.close();
  callee.close();
  return report;
}
