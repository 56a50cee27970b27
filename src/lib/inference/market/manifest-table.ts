import {MANIFEST_LIFE_MS} from '../../records/manifest.ts';
import type {Manifest} from '../../records/manifest.ts';
import {findModel} from './match.ts';

/** Providers known at once; past it the one heard of longest ago goes. */
const MAX_PROVIDERS = 2_048;

interface Entry {
  manifest: Manifest;
  /** As it was sealed, to be handed on. */
  bytes: Uint8Array;
  goneAt: number;
}

export type ManifestVerdict = 'new' | 'known' | 'old';

/** The latest manifest of each provider. Time is our own clock from its arrival, since theirs may be wrong. */
export class ManifestTable {
  readonly #entries = new Map<string, Entry>();

  /** Keeps a checked manifest unless a later one is there. */
  put(manifest: Manifest, bytes: Uint8Array, now: number): ManifestVerdict {
    const before = this.#entries.get(manifest.peerId);
    if (before !== undefined && now < before.goneAt) {
      if (manifest.sequence < before.manifest.sequence) return 'old';
      if (manifest.sequence === before.manifest.sequence) return 'known';
    }
    const lifeMs = Math.min(MANIFEST_LIFE_MS, manifest.expiresAt - manifest.issuedAt);
    this.#entries.delete(manifest.peerId);
    this.#entries.set(manifest.peerId, {manifest, bytes, goneAt: now + lifeMs});
    if (this.#entries.size > MAX_PROVIDERS) this.#entries.delete(this.#entries.keys().next().value ?? '');
    return 'new';
  }

  get(provider: string, now: number): Manifest | undefined {
    const entry = this.#entries.get(provider);
    return entry === undefined || entry.goneAt <= now ? undefined : entry.manifest;
  }

  /** Every provider that is there. */
  all(now: number): Manifest[] {
    for (const [provider, {goneAt}] of this.#entries) if (goneAt <= now) this.#entries.delete(provider);
    return [...this.#entries.values()].map(({manifest}) => manifest);
  }

  /** Those that serve a model; all with any model for an empty name. */
  serving(wanted: string, now: number): Manifest[] {
    return this.all(now).filter(({models}) => findModel(wanted, models) !== undefined);
  }

  /** Sealed manifests to hand on, of those that serve a model; drawn at random when there are more than fit. */
  sealed(wanted: string, max: {count: number; bytes: number}, now: number): Uint8Array[] {
    const found = this.serving(wanted, now).flatMap(({peerId}) => this.#entries.get(peerId)?.bytes ?? []);
    for (let at = found.length - 1; at > 0; at -= 1) {
      const other = Math.floor(Math.random() * (at + 1));
      [found[at], found[other]] = [found[other] as Uint8Array, found[at] as Uint8Array];
    }
    let left = max.bytes;
    return found.slice(0, max.count).filter((bytes) => (left -= bytes.byteLength) >= 0);
  }

  /** A provider said goodbye or was found dead. */
  drop(provider: string): void {
    this.#entries.delete(provider);
  }
}
