import { isMalformed } from '../firmware/malformed.ts';
import * as dhcp from '../firmware/wire/dhcp.ts';
import type { Mac } from '../hal/nic.ts';
import { CaptureReader } from './capture-reader.ts';
import type { OctetSource } from './octet-source.ts';
import { type Packet, PacketReader } from './packet.ts';
import { PhoneJudge } from './phone-judge.ts';
import { Roster, type Suspect } from './roster.ts';
import { Story, type StoryListener } from './story.ts';

/** What was found in a capture, beside the stories of its phones. */
export interface CaptureSummary {
  readonly frames: number;
  /** Seconds from the first frame to the last. */
  readonly seconds: number;
  /** The file ends within a frame. */
  readonly isCut: boolean;
  /** Frames that could not be looked into because their link is not Ethernet, by link type. */
  readonly otherLinks: ReadonlyMap<number, number>;
  /** In the order of their first frames. */
  readonly phones: readonly { readonly name: string; readonly mac: Mac }[];
}

export interface CaptureListener extends StoryListener {
  /** Each packet that is from a phone, or for one. */
  packet?(phone: string, packet: Packet, fromPhone: boolean): void;
}

interface Watched {
  readonly suspect: Suspect;
  readonly story: Story;
  readonly judge: PhoneJudge;
}

/**
 * Tells the boots of all phones in a capture as their own events. The file is read twice, since what gives a phone away may come last. Throws CaptureError.
 *
 * @param open opens the file from its beginning
 */
export function explainCapture(open: () => OctetSource, listener: CaptureListener): CaptureSummary {
  const roster = new Roster();
  read(open, (packet) => roster.see(packet));
  const telling = new Telling(roster, listener);
  const { reader, first, last } = read(open, (packet, epoch) => telling.take(packet, epoch));
  const seconds = (last - first) / 1e6;
  const phones = telling.finish({ at: seconds, frame: reader.frames });
  return { frames: reader.frames, seconds, isCut: reader.isCut, otherLinks: reader.otherLinks, phones };
}

/** @param each gets a packet and when the capture begins */
function read(open: () => OctetSource, each: (packet: Packet, epoch: number) => void) {
  const source = open();
  try {
    const reader = new CaptureReader(source);
    const packets = new PacketReader();
    let first: number | null = null;
    let last = 0;
    for (let frame = reader.next(); frame !== null; frame = reader.next()) {
      first ??= frame.at;
      last = Math.max(last, frame.at);
      const packet = packets.read(frame);
      if (packet !== null) each(packet, first);
    }
    return { reader, first: first ?? 0, last };
  } finally {
    source.close();
  }
}

/** The second reading: each frame to the phones that it concerns. */
class Telling {
  readonly #roster: Roster;
  readonly #listener: CaptureListener;
  readonly #suspects: ReadonlyMap<Mac, Suspect>;
  readonly #byInterface = new Map<number, Suspect[]>();
  readonly #watched = new Map<Mac, Watched>();

  constructor(roster: Roster, listener: CaptureListener) {
    this.#roster = roster;
    this.#listener = listener;
    const suspects = roster.suspects();
    this.#suspects = new Map(suspects.map((suspect) => [suspect.mac, suspect]));
    for (const suspect of suspects) {
      const others = this.#byInterface.get(suspect.interface);
      if (others === undefined) this.#byInterface.set(suspect.interface, [suspect]);
      else others.push(suspect);
    }
  }

  take(packet: Packet, epoch: number): void {
    const { source, destination, content } = packet;
    const sender = this.#suspects.get(source);
    if (sender !== undefined) {
      this.#tell(sender, packet, true, false, epoch);
      return;
    }
    const receiver = this.#suspects.get(destination);
    if (receiver !== undefined) {
      this.#tell(receiver, packet, false, false, epoch);
      return;
    }
    if (content.kind === 'cdp' || content.kind === 'lldp') this.#announcement(packet, epoch);
    else if (content.kind !== 'arp') this.#fromAfar(packet, epoch);
  }

  finish(end: { readonly at: number; readonly frame: number }): { name: string; mac: Mac }[] {
    return [...this.#watched.values()].map(({ suspect, judge }) => {
      judge.finish(end);
      return { name: suspect.name, mac: suspect.mac };
    });
  }

  /** From a switch, to whoever is at the cable: told where it is clear who that is. */
  #announcement(packet: Packet, epoch: number): void {
    const phones = this.#byInterface.get(packet.interface) ?? [];
    if (phones.length > 1 && this.#roster.neighborsOn(packet.interface) > 1) return;
    for (const phone of phones) this.#tell(phone, packet, false, false, epoch);
  }

  /** A broadcast of a DHCP server names the client; of routed packets the address tells whose they are. */
  #fromAfar(packet: Packet, epoch: number): void {
    const { content } = packet;
    if (content.kind !== 'udp' && content.kind !== 'tcp') return;
    if (content.kind === 'udp' && [dhcp.SERVER_PORT, dhcp.CLIENT_PORT].includes(content.destinationPort)) {
      const message = dhcp.parse(content.payload);
      const client = isMalformed(message) ? undefined : this.#suspects.get(message.chaddr);
      const isRelayed = client !== undefined && client.interface === -1;
      if (client !== undefined) this.#tell(client, packet, false, isRelayed, epoch);
      return;
    }
    const routed = this.#roster.routed();
    const sender = this.#suspects.get(routed.get(content.source) ?? -1);
    const phone = sender ?? this.#suspects.get(routed.get(content.destination) ?? -1);
    if (phone !== undefined) this.#tell(phone, packet, sender !== undefined, true, epoch);
  }

  #tell(suspect: Suspect, packet: Packet, fromPhone: boolean, isRouted: boolean, epoch: number): void {
    // The same frame, flooded to another interface of the capture.
    if (!isRouted && suspect.interface !== packet.interface) return;
    const { judge } = this.#watched.get(suspect.mac) ?? this.#watch(suspect, packet, epoch);
    this.#listener.packet?.(suspect.name, packet, fromPhone);
    judge.take(packet, fromPhone, isRouted);
  }

  #watch(suspect: Suspect, packet: Packet, epoch: number): Watched {
    const from = { at: (packet.at - epoch) / 1e6, frame: packet.number };
    const story = new Story(suspect.name, from, epoch, this.#listener);
    const watched = { suspect, story, judge: new PhoneJudge(suspect.mac, story) };
    this.#watched.set(suspect.mac, watched);
    return watched;
  }
}
