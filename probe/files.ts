import { MARKS } from '../firmware/net/marking.ts';
import type { Sockets, TcpSocket } from '../firmware/net/sockets.ts';
import type { FileOutcome } from '../firmware/protocols/file-outcome.ts';
import { type Download, HttpDownload, TftpDownload } from '../firmware/startup/download.ts';
import type { Ipv4 } from '../hal/nic.ts';
import { SECOND } from '../hal/timer.ts';
import type { TunableValues } from '../hal/tunables.ts';
import type { Part, Script, Station } from './station.ts';

/** What every phone may ask for, whoever it is. */
export const PROBED_FILES = ['XMLDefault.cnf.xml', 'CTLFile.tlv', 'ITLFile.tlv'] as const;

/** A trust list with every certificate of a large cluster. */
const MOST_OCTETS = 262_144;
const PATIENCE = 8 * SECOND;

/** Connections that end with a reset: one frame where FIN takes two, and all there is to hear has been heard. */
function resetting(sockets: Sockets): Sockets {
  return {
    udp: (...options) => sockets.udp(...options),
    listen: (...options) => sockets.listen(...options),
    connect: (...options): TcpSocket => {
      const socket = sockets.connect(...options);
      return {
        local: socket.local,
        remote: socket.remote,
        write: (now, octets) => socket.write(now, octets),
        close: (now) => socket.abort(now),
        abort: (now) => socket.abort(now),
      };
    },
  };
}

/** One file by one protocol. `fully` false: asks for it and is content with the first block. */
export function* fetchFile(
  station: Station,
  tunables: TunableValues,
  via: 'http' | 'tftp',
  server: Ipv4,
  name: string,
  fully: boolean,
): Script<FileOutcome> {
  const Way = via === 'http' ? HttpDownload : TftpDownload;
  const maxSize = fully ? MOST_OCTETS : 0;
  const request = { name, server, maxSize, sink: null, mark: MARKS.bestEffort, https: null };
  const download: Download = new Way(resetting(station.stack), tunables, station.now(), request);
  let outcome: FileOutcome | null = null;
  const part: Part = {
    dispatch: (now) => download.dispatch(now, (done) => (outcome = done)),
    pollAt: () => download.pollAt(),
  };
  station.add(part);
  yield* station.wait(() => outcome !== null, PATIENCE);
  station.remove(part);
  download.close(station.now());
  return outcome ?? { outcome: 'timeout' };
}
