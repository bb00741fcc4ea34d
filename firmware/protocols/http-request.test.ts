import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import { HttpRequest, httpAnswerHead } from './http-request.ts';

const REQUEST = Buffer.from('GET /X.1.img HTTP/1.1\r\nHost:10.0.0.1:6977\r\n\r\n');

describe('a request for a file', () => {
  it('is read in whatever pieces it comes', () => {
    for (let cut = 0; cut < REQUEST.length; cut++) {
      const request = new HttpRequest();
      expect(request.feed(REQUEST.subarray(0, cut))).toBe('more');
      expect(request.feed(REQUEST.subarray(cut))).toEqual({ target: '/X.1.img' });
    }
  });

  it.each([
    'POST / HTTP/1.1\r\n\r\n',
    'GET  HTTP/1.1\r\n\r\n',
    'GET /\r\n\r\n',
    '\r\n\r\n',
    `GET /${'x'.repeat(3_000)}`,
  ])('is none: %j', (text) => {
    expect(new HttpRequest().feed(Buffer.from(text))).toBe('malformed');
  });

  it('that never ends is given up', () => {
    const request = new HttpRequest();
    let fed = 0;
    while (request.feed(Buffer.alloc(100, 'x')) === 'more') fed += 100;
    expect(fed).toBeLessThanOrEqual(2_048);
  });

  it('of any octets does not throw', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (pieces) => {
        const request = new HttpRequest();
        for (const piece of pieces) request.feed(piece);
      }),
      { numRuns: fuzzRuns(0.1) },
    );
  });

  it('is answered with what follows', () => {
    expect(Buffer.from(httpAnswerHead(503, 0)).toString()).toBe(
      'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    );
  });
});
