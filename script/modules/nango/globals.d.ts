// The globals and modules that scripts have beside the language. A project that installs @types/node can drop this file from its
// tsconfig.json: the names are the same, and Node has more of them than scripts do.

declare var console: { log(...args: any[]): void; info(...args: any[]): void; warn(...args: any[]): void; error(...args: any[]): void; debug(...args: any[]): void };

declare function setTimeout(callback: (...args: any[]) => void, ms?: number, ...args: any[]): any;
declare function clearTimeout(timer: any): void;
declare function setInterval(callback: (...args: any[]) => void, ms?: number, ...args: any[]): any;
declare function clearInterval(timer: any): void;
declare function queueMicrotask(callback: () => void): void;
declare function structuredClone<T>(value: T): T;
declare function atob(text: string): string;
declare function btoa(text: string): string;

declare class TextEncoder {
    encode(text?: string): Uint8Array;
}
declare class TextDecoder {
    constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
    decode(bytes?: ArrayBuffer | ArrayBufferView): string;
}

type BufferEncoding = 'utf8' | 'utf-8' | 'utf16le' | 'ucs2' | 'latin1' | 'binary' | 'ascii' | 'hex' | 'base64' | 'base64url';

declare class Buffer extends Uint8Array {
    static from(text: string, encoding?: BufferEncoding): Buffer;
    static from(bytes: ArrayBuffer | ArrayLike<number> | Uint8Array): Buffer;
    static alloc(size: number): Buffer;
    static concat(list: readonly Uint8Array[], length?: number): Buffer;
    static byteLength(text: string, encoding?: BufferEncoding): number;
    static isBuffer(value: unknown): value is Buffer;
    toString(encoding?: BufferEncoding, start?: number, end?: number): string;
    equals(other: Uint8Array): boolean;
}

declare class URLSearchParams {
    constructor(init?: string | Record<string, string> | Iterable<[string, string]> | URLSearchParams);
    append(name: string, value: string): void;
    delete(name: string): void;
    get(name: string): string | null;
    getAll(name: string): string[];
    has(name: string): boolean;
    set(name: string, value: string): void;
    sort(): void;
    forEach(callback: (value: string, name: string) => void): void;
    entries(): IterableIterator<[string, string]>;
    keys(): IterableIterator<string>;
    values(): IterableIterator<string>;
    [Symbol.iterator](): IterableIterator<[string, string]>;
    toString(): string;
    readonly size: number;
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

declare module 'buffer' {
    const Buffer: typeof globalThis.Buffer;
    export { Buffer };
}
declare module 'node:buffer' {
    export * from 'buffer';
}

declare module 'url' {
    const URL: typeof globalThis.URL;
    const URLSearchParams: typeof globalThis.URLSearchParams;
    export { URL, URLSearchParams };
}
declare module 'node:url' {
    export * from 'url';
}

declare module 'crypto' {
    type Data = string | ArrayBuffer | ArrayBufferView;
    interface Hash {
        update(data: Data, encoding?: BufferEncoding): this;
        digest(): Buffer;
        digest(encoding: BufferEncoding): string;
    }
    interface Signer {
        update(data: Data): this;
        sign(key: any): Buffer;
        sign(key: any, encoding: BufferEncoding): string;
    }
    interface Verifier {
        update(data: Data): this;
        verify(key: any, signature: Data, encoding?: BufferEncoding): boolean;
    }
    function createHash(algorithm: string): Hash;
    function createHmac(algorithm: string, key: Data): Hash;
    function createSign(algorithm: string): Signer;
    function createVerify(algorithm: string): Verifier;
    function randomUUID(): `${string}-${string}-${string}-${string}-${string}`;
    function randomBytes(size: number): Buffer;
    function timingSafeEqual(a: ArrayBufferView, b: ArrayBufferView): boolean;
    function pbkdf2Sync(password: Data, salt: Data, iterations: number, length: number, digest: string): Buffer;
    function scryptSync(password: Data, salt: Data, length: number, options?: Record<string, number>): Buffer;
    export { createHash, createHmac, createSign, createVerify, pbkdf2Sync, randomBytes, randomUUID, scryptSync, timingSafeEqual };
    const crypto: {
        createHash: typeof createHash;
        createHmac: typeof createHmac;
        createSign: typeof createSign;
        createVerify: typeof createVerify;
        randomUUID: typeof randomUUID;
        randomBytes: typeof randomBytes;
        timingSafeEqual: typeof timingSafeEqual;
        pbkdf2Sync: typeof pbkdf2Sync;
        scryptSync: typeof scryptSync;
    };
    export default crypto;
}
declare module 'node:crypto' {
    export * from 'crypto';
    export { default } from 'crypto';
}
