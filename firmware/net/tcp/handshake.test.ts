import { expect, it } from 'vitest';
import { connectPair, Pair } from '../../../test/support/stack-pair.ts';

it('opens, carries octets both ways, closes', () => {
  const pair = Pair.configured();
  const { client, clientSink, serverSink, server } = connectPair(pair);
  pair.run(100_000);
  client.write(pair.now, Uint8Array.of(1, 2, 3));
  pair.run(500_000);
  server().write(pair.now, Uint8Array.of(4, 5));
  pair.run(500_000);
  client.close(pair.now);
  pair.run(500_000);
  server().close(pair.now);
  pair.run(60_000_000);
  expect({ client: clientSink.events, server: serverSink.events, log: pair.log }).toMatchInlineSnapshot(`
    {
      "client": [
        "4 connected",
        "601 data 2",
        "1601 ended",
        "1601 gone closed",
      ],
      "log": [
        "0.000000 > ARP who-has 10.0.0.2 tell 10.0.0.1",
        "0.001000 < ARP 10.0.0.2 is-at 02:00:5e:00:00:02",
        "0.002000 > TCP 54476 > 2000 [S] seq 2155840234 win 32768 options [mss 1460] length 0",
        "0.003000 < TCP 2000 > 54476 [S.] seq 2902295887 ack 2155840235 win 32768 options [mss 1460] length 0",
        "0.004000 > TCP 54476 > 2000 [.] seq 2155840235 ack 2902295888 win 32768 length 0",
        "0.100000 > TCP 54476 > 2000 [P.] seq 2155840235 ack 2902295888 win 32768 length 3",
        "0.201000 < TCP 2000 > 54476 [.] seq 2902295888 ack 2155840238 win 32768 length 0",
        "0.600000 < TCP 2000 > 54476 [P.] seq 2902295888 ack 2155840238 win 32768 length 2",
        "0.701000 > TCP 54476 > 2000 [.] seq 2155840238 ack 2902295890 win 32768 length 0",
        "1.100000 > TCP 54476 > 2000 [F.] seq 2155840238 ack 2902295890 win 32768 length 0",
        "1.101000 < TCP 2000 > 54476 [.] seq 2902295890 ack 2155840239 win 32768 length 0",
        "1.600000 < TCP 2000 > 54476 [F.] seq 2902295890 ack 2155840239 win 32768 length 0",
        "1.601000 > TCP 54476 > 2000 [.] seq 2155840239 ack 2902295891 win 32768 length 0",
      ],
      "server": [
        "101 data 3",
        "1101 ended",
        "1602 gone closed",
      ],
    }
  `);
});
