/** Names on the wire of one network; everything quiver-specific carries the profile's prefix. */
export interface NetworkNames {
  /** DHT protocol id. */
  kad: string;
  /** Framed inference stream. */
  infer: string;
  /** Stream on which bids are handed over directly. */
  bids: string;
  /** Gossip topic of requests-for-quote. */
  requestTopic: string;
  /** Gossip topic of provider manifests. */
  manifestTopic: string;
  /** Gossip topic on which bids reach a client that can't be dialled. */
  bidTopic: string;
}

/** @param prefix `/quiver/<profile>`, without a slash at the end */
export function networkNames(prefix: string): NetworkNames {
  return {
    kad: `${prefix}/kad/1.0.0`,
    infer: `${prefix}/infer/1.0.0`,
    bids: `${prefix}/bids/1.0.0`,
    requestTopic: `${prefix}/rfq/1`,
    manifestTopic: `${prefix}/manifest/1`,
    bidTopic: `${prefix}/bid/1`,
  };
}

/** Topics that public nodes subscribe to, so that they carry gossip between peers that only know them. */
export function gossipTopics(names: NetworkNames): readonly string[] {
  return [names.requestTopic, names.manifestTopic, names.bidTopic];
}
