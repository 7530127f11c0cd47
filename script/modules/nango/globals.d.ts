// What scripts have besides the language itself: globals, and the modules 'buffer', 'crypto', 'soap', 'unzipper' and 'url'. There is no fetch and
// no process; console writes nothing (use nango.log).

type BufferEncoding = 'utf8' | 'utf-8' | 'hex' | 'base64' | 'base64url' | 'latin1' | 'binary' | 'ascii' | 'utf16le' | 'ucs2';

interface Buffer extends Uint8Array<ArrayBuffer> {
    toString(encoding?: BufferEncoding, start?: number, end?: number): string;
    toJSON(): { type: 'Buffer'; data: number[] };
    equals(other: Uint8Array): boolean;
    compare(other: Uint8Array): -1 | 0 | 1;
    slice(from?: number, to?: number): Buffer;
    subarray(from?: number, to?: number): Buffer;
    write(text: string, at?: number, length?: number, encoding?: BufferEncoding): number;
    copy(target: Uint8Array, at?: number, from?: number, to?: number): number;
    fill(value: string | number | Uint8Array, from?: number, to?: number, encoding?: BufferEncoding): this;
    indexOf(value: string | number | Uint8Array, from?: number, encoding?: BufferEncoding): number;
    includes(value: string | number | Uint8Array, from?: number, encoding?: BufferEncoding): boolean;
    readUInt8(at?: number): number;
    readUInt16BE(at?: number): number;
    readUInt16LE(at?: number): number;
    readUInt32BE(at?: number): number;
    readUInt32LE(at?: number): number;
    readInt32BE(at?: number): number;
    readInt32LE(at?: number): number;
    readBigUInt64BE(at?: number): bigint;
}

interface BufferConstructor {
    from(text: string, encoding?: BufferEncoding): Buffer;
    from(bytes: ArrayBuffer, from?: number, length?: number): Buffer;
    from(bytes: Iterable<number> | ArrayLike<number>): Buffer;
    alloc(size: number, fill?: string | number | Uint8Array, encoding?: BufferEncoding): Buffer;
    allocUnsafe(size: number): Buffer;
    concat(list: readonly Uint8Array[], length?: number): Buffer;
    isBuffer(value: unknown): value is Buffer;
    isEncoding(value: unknown): value is BufferEncoding;
    byteLength(value: string | ArrayBuffer | ArrayBufferView, encoding?: BufferEncoding): number;
    compare(a: Uint8Array, b: Uint8Array): -1 | 0 | 1;
}

declare var Buffer: BufferConstructor;

interface Console {
    debug(...args: unknown[]): void;
    error(...args: unknown[]): void;
    info(...args: unknown[]): void;
    log(...args: unknown[]): void;
    warn(...args: unknown[]): void;
}

declare var console: Console;

interface Timer {
    [Symbol.toPrimitive](): number;
}

declare function setTimeout<T extends unknown[]>(run: (...args: T) => void, ms?: number, ...args: T): Timer;
declare function clearTimeout(timer: Timer | number | undefined): void;
declare function setInterval<T extends unknown[]>(run: (...args: T) => void, ms?: number, ...args: T): Timer;
declare function clearInterval(timer: Timer | number | undefined): void;
declare function queueMicrotask(run: () => void): void;
declare function structuredClone<T>(value: T): T;
declare function atob(text: string): string;
declare function btoa(text: string): string;

declare class URLSearchParams implements Iterable<[string, string]> {
    constructor(init?: string | Record<string, string> | Iterable<[string, string]> | URLSearchParams);
    readonly size: number;
    append(name: string, value: string): void;
    delete(name: string, value?: string): void;
    get(name: string): string | null;
    getAll(name: string): string[];
    has(name: string, value?: string): boolean;
    set(name: string, value: string): void;
    sort(): void;
    forEach(visit: (value: string, name: string, params: URLSearchParams) => void): void;
    entries(): IterableIterator<[string, string]>;
    keys(): IterableIterator<string>;
    values(): IterableIterator<string>;
    toString(): string;
    [Symbol.iterator](): IterableIterator<[string, string]>;
}

declare class URL {
    constructor(url: string | URL, base?: string | URL);
    static canParse(url: string, base?: string): boolean;
    hash: string;
    host: string;
    hostname: string;
    href: string;
    readonly origin: string;
    password: string;
    pathname: string;
    port: string;
    protocol: string;
    search: string;
    readonly searchParams: URLSearchParams;
    username: string;
    toString(): string;
    toJSON(): string;
}

declare class TextEncoder {
    encode(text?: string): Uint8Array<ArrayBuffer>;
}

declare class TextDecoder {
    constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
    decode(bytes?: ArrayBuffer | ArrayBufferView, options?: { stream?: boolean }): string;
}

declare class AbortSignal {
    readonly aborted: boolean;
    readonly reason: any;
    throwIfAborted(): void;
    addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
    removeEventListener(type: 'abort', listener: () => void): void;
}

declare class AbortController {
    readonly signal: AbortSignal;
    abort(reason?: unknown): void;
}

declare class Headers implements Iterable<[string, string]> {
    constructor(init?: Record<string, string> | Iterable<[string, string]>);
    append(name: string, value: string): void;
    delete(name: string): void;
    get(name: string): string | null;
    has(name: string): boolean;
    set(name: string, value: string): void;
    forEach(visit: (value: string, name: string, headers: Headers) => void): void;
    entries(): IterableIterator<[string, string]>;
    keys(): IterableIterator<string>;
    values(): IterableIterator<string>;
    [Symbol.iterator](): IterableIterator<[string, string]>;
}

declare class Blob {
    constructor(parts?: (string | ArrayBuffer | ArrayBufferView | Blob)[], options?: { type?: string });
    readonly size: number;
    readonly type: string;
    text(): Promise<string>;
    arrayBuffer(): Promise<ArrayBuffer>;
}

declare class File extends Blob {
    constructor(parts: (string | ArrayBuffer | ArrayBufferView | Blob)[], name: string, options?: { type?: string });
    readonly name: string;
}

declare class FormData {
    append(name: string, value: string | Blob, filename?: string): void;
    delete(name: string): void;
    get(name: string): string | File | null;
    getAll(name: string): (string | File)[];
    has(name: string): boolean;
    set(name: string, value: string | Blob, filename?: string): void;
    entries(): IterableIterator<[string, string | File]>;
}

/** The answer of nango.uncontrolledFetch. */
interface Response {
    readonly ok: boolean;
    readonly status: number;
    readonly statusText: string;
    readonly url: string;
    readonly headers: Headers;
    text(): Promise<string>;
    json(): Promise<any>;
    arrayBuffer(): Promise<ArrayBuffer>;
}

declare var crypto: {
    randomUUID(): string;
    getRandomValues<T extends ArrayBufferView>(view: T): T;
    readonly subtle: any;
};

declare module 'buffer' {
    const buffer: BufferConstructor;
    export { buffer as Buffer };
}

declare module 'url' {
    const u: typeof URL;
    const p: typeof URLSearchParams;
    export { u as URL, p as URLSearchParams };
}

declare module 'crypto' {
    type Bytes = string | ArrayBuffer | ArrayBufferView;
    type DigestEncoding = 'hex' | 'base64' | 'base64url' | 'latin1' | 'binary';
    interface Hash {
        update(data: Bytes, encoding?: BufferEncoding): this;
        digest(): Buffer;
        digest(encoding: DigestEncoding): string;
    }
    interface Sign {
        update(data: Bytes, encoding?: BufferEncoding): this;
        sign(key: unknown): Buffer;
        sign(key: unknown, encoding: DigestEncoding): string;
    }
    interface Verify {
        update(data: Bytes, encoding?: BufferEncoding): this;
        verify(key: unknown, signature: Bytes, encoding?: DigestEncoding): boolean;
    }
    interface KeyObject {
        readonly type: 'secret' | 'private' | 'public';
        readonly asymmetricKeyType?: string;
        export(options?: { type?: string; format?: string }): string | Buffer;
    }
    interface Cipher {
        update(data: Bytes): Buffer;
        update(data: Bytes, inputEncoding: BufferEncoding | undefined, outputEncoding: DigestEncoding | 'utf8'): string;
        final(): Buffer;
        final(outputEncoding: DigestEncoding | 'utf8'): string;
        setAutoPadding(on?: boolean): this;
        setAAD(bytes: Bytes): this;
        getAuthTag(): Buffer;
        setAuthTag(tag: Bytes): this;
    }
    export const constants: Record<string, number>;
    export function createCipheriv(algorithm: string, key: Bytes | KeyObject, iv: Bytes | null, options?: { authTagLength?: number }): Cipher;
    export function createDecipheriv(algorithm: string, key: Bytes | KeyObject, iv: Bytes | null, options?: { authTagLength?: number }): Cipher;
    export function createPrivateKey(key: unknown): KeyObject;
    export function createPublicKey(key: unknown): KeyObject;
    export function createSecretKey(key: Bytes): KeyObject;
    export function publicEncrypt(key: unknown, data: Bytes): Buffer;
    export function privateDecrypt(key: unknown, data: Bytes): Buffer;
    export function sign(algorithm: string | null, data: Bytes, key: unknown): Buffer;
    export function verify(algorithm: string | null, data: Bytes, key: unknown, signature: Bytes): boolean;
    export function scryptSync(password: Bytes, salt: Bytes, length: number, options?: { N?: number; r?: number; p?: number; maxmem?: number }): Buffer;
    export function hkdfSync(digest: string, key: Bytes | KeyObject, salt: Bytes, info: Bytes, length: number): ArrayBuffer;
    export function createHash(algorithm: string): Hash;
    export function createHmac(algorithm: string, key: Bytes | KeyObject): Hash;
    export function createSign(algorithm: string): Sign;
    export function createVerify(algorithm: string): Verify;
    export function getHashes(): string[];
    export function randomBytes(size: number): Buffer;
    export function randomInt(max: number): number;
    export function randomInt(min: number, max: number): number;
    export function randomUUID(): string;
    export function pbkdf2Sync(password: Bytes, salt: Bytes, iterations: number, length: number, digest: string): Buffer;
    export function timingSafeEqual(a: ArrayBuffer | ArrayBufferView, b: ArrayBuffer | ArrayBufferView): boolean;
    const all: {
        constants: typeof constants;
        createCipheriv: typeof createCipheriv;
        createDecipheriv: typeof createDecipheriv;
        createPrivateKey: typeof createPrivateKey;
        createPublicKey: typeof createPublicKey;
        createSecretKey: typeof createSecretKey;
        publicEncrypt: typeof publicEncrypt;
        privateDecrypt: typeof privateDecrypt;
        sign: typeof sign;
        verify: typeof verify;
        scryptSync: typeof scryptSync;
        hkdfSync: typeof hkdfSync;
        createHash: typeof createHash;
        createHmac: typeof createHmac;
        createSign: typeof createSign;
        createVerify: typeof createVerify;
        getHashes: typeof getHashes;
        randomBytes: typeof randomBytes;
        randomInt: typeof randomInt;
        randomUUID: typeof randomUUID;
        pbkdf2Sync: typeof pbkdf2Sync;
        timingSafeEqual: typeof timingSafeEqual;
    };
    export default all;
}

declare module 'node:buffer' {
    export * from 'buffer';
}

declare module 'node:url' {
    export * from 'url';
}

declare module 'node:crypto' {
    export * from 'crypto';
    export { default } from 'crypto';
}

declare module 'unzipper' {
    interface File {
        readonly path: string;
        readonly type: 'File' | 'Directory';
        readonly uncompressedSize: number;
        readonly compressedSize: number;
        readonly lastModifiedDateTime: Date;
        buffer(): Promise<Buffer>;
        stream(): any;
    }
    interface Directory {
        readonly comment: string;
        readonly files: File[];
    }
    /** At most 10,000 entries, and 256 MiB of what is read unpacked. */
    export const Open: { buffer(archive: Buffer): Promise<Directory> };
    export function Parse(options?: any): any;
    export function ParseOne(wanted?: RegExp): any;
    const all: { Open: typeof Open; Parse: typeof Parse; ParseOne: typeof ParseOne };
    export default all;
}

declare module 'soap' {
    /** The methods come from the WSDL: `await client.FindAsync(args)` resolves to [result, answer, header, request]. */
    interface Client {
        setEndpoint(url: string): void;
        setSecurity(security: BasicAuthSecurity | BearerSecurity | WSSecurity): void;
        setSOAPAction(action: string): void;
        addSoapHeader(header: any, name?: string, namespace?: string, xmlns?: string): number;
        clearSoapHeaders(): void;
        addHttpHeader(name: string, value: string): void;
        describe(): any;
        [operation: string]: any;
    }
    export class BasicAuthSecurity {
        constructor(username: string, password: string);
    }
    export class BearerSecurity {
        constructor(token: string);
    }
    export class WSSecurity {
        constructor(username: string, password: string, options?: 'PasswordText' | 'PasswordDigest' | Record<string, any>);
    }
    /** wsdl is a URL or a description's text. Calls are made like those of uncontrolledFetch. */
    export function createClientAsync(wsdl: string, options?: Record<string, any>, endpoint?: string): Promise<Client>;
    const all: {
        createClientAsync: typeof createClientAsync;
        BasicAuthSecurity: typeof BasicAuthSecurity;
        BearerSecurity: typeof BearerSecurity;
        WSSecurity: typeof WSSecurity;
    };
    export default all;
}
