/**
 * The few functions of the C library that Node does not offer: raw sockets and mapped memory.
 *
 * A call keeps no reference to the octets it is given. During a plain call that is no matter; octets whose address the kernel keeps (`addressOf`), and
 * those of an asynchronous call, have to be held by the caller, or a collected buffer is written to and the heap is broken.
 */
import koffi from 'koffi';

type Octets = Uint8Array | Int32Array | null;

export interface Libc {
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly bind: (fd: number, address: Octets, length: number) => number;
  readonly setsockopt: (fd: number, level: number, option: number, value: Octets, length: number) => number;
  readonly getsockopt: (fd: number, level: number, option: number, value: Octets, length: Int32Array) => number;
  readonly sendmmsg: (fd: number, messages: Octets, count: number, flags: number) => number;
  readonly recv: (fd: number, into: Octets, length: number, flags: number) => number | bigint;
  readonly poll: (descriptors: Octets, count: number, milliseconds: number) => number;
  readonly pollAsync: (
    descriptors: Octets,
    count: number,
    milliseconds: number,
    done: (error: Error | null, count: number) => void,
  ) => void;
  readonly eventfd: (initial: number, flags: number) => number;
  readonly read: (fd: number, into: Octets, length: number) => number | bigint;
  readonly write: (fd: number, octets: Octets, length: number) => number | bigint;
  readonly ioctl: (fd: number, request: number, argument: Octets) => number;
  readonly close: (fd: number) => number;
  readonly mmap: (
    at: null,
    length: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ) => bigint | null;
  readonly munmap: (at: bigint, length: number) => number;
  readonly ifNameToIndex: (name: string) => number;
  /** Names of the network interfaces of this network namespace. */
  readonly interfaceNames: () => readonly string[];
  /** Octets of mapped memory, without a copy. Dead after `munmap`. */
  readonly view: (at: bigint, length: number) => ArrayBuffer;
  readonly addressOf: (octets: Uint8Array) => bigint;
  /** Of the last call that failed. */
  readonly errno: () => number;
}

let loaded: Libc | null = null;

/** Loaded when first needed, since most runs never leave the virtual wire. */
export function libc(): Libc {
  loaded ??= load();
  return loaded;
}

export const ERRNO = { EPERM: 1, EINTR: 4, EAGAIN: 11, EACCES: 13, ENODEV: 19, ENETDOWN: 100, ENOBUFS: 105 } as const;

function load(): Libc {
  // The program itself: whichever C library Node was linked against.
  const library = koffi.load(null);
  const poll = library.func('int poll(void *fds, unsigned long nfds, int timeout)');
  return {
    socket: library.func('int socket(int domain, int type, int protocol)'),
    bind: library.func('int bind(int fd, void *address, uint32_t length)'),
    setsockopt: library.func('int setsockopt(int fd, int level, int option, void *value, uint32_t length)'),
    getsockopt: library.func('int getsockopt(int fd, int level, int option, void *value, void *length)'),
    sendmmsg: library.func('int sendmmsg(int fd, void *messages, unsigned int count, int flags)'),
    recv: library.func('int64_t recv(int fd, void *into, size_t length, int flags)'),
    poll,
    pollAsync: poll.async,
    eventfd: library.func('int eventfd(unsigned int initial, int flags)'),
    read: library.func('int64_t read(int fd, void *into, size_t length)'),
    write: library.func('int64_t write(int fd, void *octets, size_t length)'),
    ioctl: library.func('int ioctl(int fd, unsigned long request, void *argument)'),
    close: library.func('int close(int fd)'),
    mmap: library.func('void *mmap(void *at, size_t length, int protection, int flags, int fd, int64_t offset)'),
    munmap: library.func('int munmap(void *at, size_t length)'),
    ifNameToIndex: library.func('unsigned int if_nametoindex(str name)'),
    interfaceNames: interfaceNamesBy(library),
    view: koffi.view,
    addressOf: koffi.address,
    errno: koffi.errno,
  };
}

function interfaceNamesBy(library: ReturnType<typeof koffi.load>): () => readonly string[] {
  const entry = koffi.struct({ index: 'unsigned int', name: 'str' });
  const size = koffi.sizeof(entry);
  const list = library.func('void *if_nameindex()');
  const free = library.func('void if_freenameindex(void *list)');
  return () => {
    const names: string[] = [];
    const entries = list();
    // The list ends in an entry with index 0.
    for (let offset = 0; ; offset += size) {
      const { index, name } = koffi.decode(entries, offset, entry) as { index: number; name: string };
      if (index === 0) break;
      names.push(name);
    }
    free(entries);
    return names;
  };
}
