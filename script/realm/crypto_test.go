package realm_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

const cryptoHead = `const crypto = require("crypto"), k = Buffer.alloc(32, 1), iv = Buffer.alloc(16, 2), n12 = Buffer.alloc(12, 3);
	const enc = (name, key, iv, data, o) => { const c = crypto.createCipheriv(name, key, iv, o); return Buffer.concat([c.update(data), c.final()]).toString("hex") };
	const dec = (name, key, iv, hex, o) => { const c = crypto.createDecipheriv(name, key, iv, o); return Buffer.concat([c.update(hex, "hex"), c.final()]).toString() };
	const thrown = (f) => { try { return f() } catch (e) { return [e.name, e.code ?? null, e.message] } };
	const rejected = async (f) => { try { return await f() } catch (e) { return [e.name, e.code ?? null, e.message] } };
	const hex = (b) => Buffer.from(b).toString("hex");
`

// The expectations are what Node 20 gives.
func TestCryptoAsInNode(t *testing.T) {
	for expression, want := range map[string]string{
		// ciphers
		`enc("aes-128-cbc", k.subarray(0, 16), iv, "hello world, hello world")`:                                                                                                                                                                                               `"a9f8651df7fef2bab797015c05ce196d1be15b36da328ade4571513b0f71c753"`,
		`enc("aes-192-cbc", k.subarray(0, 24), iv, "hello world, hello world")`:                                                                                                                                                                                               `"4a35c5d7abf65661d1b2d2a12e765148aaa43341b5a06183d9ed7846e9403280"`,
		`enc("AES-256-CBC", k, iv, "hello world, hello world")`:                                                                                                                                                                                                               `"2898ba6357b6abdd671b259aa2e9e8778a6dd26b1c8c2bbcd8c62fae7de2c005"`,
		`dec("aes-256-cbc", k, iv, "2898ba6357b6abdd671b259aa2e9e8778a6dd26b1c8c2bbcd8c62fae7de2c005")`:                                                                                                                                                                       `"hello world, hello world"`,
		`enc("aes-256-ctr", k, iv, "hello world, hello world")`:                                                                                                                                                                                                               `"0acb7e9f4b9f9d67a79a1199336a0ed3c9c2f023f04be509"`,
		`dec("aes-128-ctr", k.subarray(0, 16), iv, "7fb3789f168942ff0585315bdd59a7664fe2ad1597e0f291")`:                                                                                                                                                                       `"hello world, hello world"`,
		`enc("aes-128-ecb", k.subarray(0, 16), null, "hello")`:                                                                                                                                                                                                                `"4c55a6ffda2e565b40c2051d3d067614"`,
		`dec("aes-128-ecb", k.subarray(0, 16), null, "4c55a6ffda2e565b40c2051d3d067614")`:                                                                                                                                                                                     `"hello"`,
		`enc("des-ede3-cbc", Buffer.from("0123456789abcdefghijklmn"), iv.subarray(0, 8), "hello")`:                                                                                                                                                                            `"0ae884200138946a"`,
		`(() => { const c = crypto.createCipheriv("aes-128-cbc", k.subarray(0, 16), iv).setAutoPadding(false); return c.update("0123456789abcdef", "utf8", "hex") + c.final("hex") })()`:                                                                                      `"2744fc9b2379f312df9c9491361209cf"`,
		`(() => { const c = crypto.createCipheriv("aes-256-gcm", k, n12).setAAD(Buffer.from("aad")); return [c.update("hello", "utf8", "base64"), c.final("base64"), hex(c.getAuthTag())] })()`:                                                                               `["kAR4","9pA=","a699c4d9d7dff523618db5ae79cd0873"]`,
		`(() => { const c = crypto.createCipheriv("aes-256-gcm", k, iv); return [hex(Buffer.concat([c.update("hello"), c.final()])), hex(c.getAuthTag())] })()`:                                                                                                               `["1853fb26b0","5c0cb421874222e1ebac1a36621186f1"]`,
		`(() => { const c = crypto.createDecipheriv("aes-256-gcm", k, iv); c.setAuthTag(Buffer.from("5c0cb421874222e1ebac1a36621186f1", "hex")); return c.update("1853fb26b0", "hex", "utf8") + c.final("utf8") })()`:                                                         `"hello"`,
		`(() => { const c = crypto.createDecipheriv("aes-256-gcm", k, n12).setAAD(Buffer.from("aad")); c.setAuthTag(Buffer.from("a699c4d9d7dff523618db5ae79cd0873", "hex")); return c.update("kAR49pA=", "base64", "utf8") + c.final("utf8") })()`:                            `"hello"`,
		`(() => { const c = crypto.createCipheriv("aes-256-gcm", k, n12, {authTagLength: 12}); c.update("hello"); c.final(); return hex(c.getAuthTag()) })()`:                                                                                                                 `"5903a5aae15db74b3a6faca4"`,
		`(() => { const c = crypto.createCipheriv("aes-256-cbc", k, iv); return [c.update("0123456789", "utf8", "hex"), c.update("0123456789", "utf8", "hex"), c.final("hex")] })()`:                                                                                          `["","d05eea72731b981a042d5c04d848f928","724abef936c6ce7e9c89894f9c2f70e9"]`,
		`(() => { const e = Buffer.from(enc("aes-256-cbc", k, iv, "0123456789abcdef0123456789"), "hex"), c = crypto.createDecipheriv("aes-256-cbc", k, iv); return [c.update(e.subarray(0, 16), null, "utf8"), c.update(e.subarray(16), null, "utf8"), c.final("utf8")] })()`: `["","0123456789abcdef","0123456789"]`,
		`(() => { const c = crypto.createCipheriv("aes-256-cbc", k, iv); c.end; return dec("aes-256-cbc", k, iv, c.update("größe €", "utf8", "hex") + c.final("hex")) })()`:                                                                                                   `"größe €"`,
		`thrown(() => { const c = crypto.createCipheriv("aes-128-cbc", k.subarray(0, 16), iv).setAutoPadding(false); c.update("0123"); c.final() })`:                                                                                                                          `["Error","ERR_OSSL_WRONG_FINAL_BLOCK_LENGTH","error:1C80006B:Provider routines::wrong final block length"]`,
		`thrown(() => { const c = crypto.createDecipheriv("aes-256-gcm", k, n12); c.setAuthTag(Buffer.alloc(16)); c.update("00", "hex"); c.final() })`:                                                                                                                        `["Error",null,"Unsupported state or unable to authenticate data"]`,
		`thrown(() => { const c = crypto.createDecipheriv("aes-256-gcm", k, n12); c.update("00", "hex"); c.final() })`:                                                                                                                                                        `["Error",null,"Unsupported state or unable to authenticate data"]`,
		`thrown(() => dec("aes-256-cbc", k, iv, "00000000000000000000000000000000"))`:                                                                                                                                                                                         `["Error","ERR_OSSL_BAD_DECRYPT","error:1C800064:Provider routines::bad decrypt"]`,
		`thrown(() => dec("aes-256-cbc", k, iv, "000000000000000000000000000000"))`:                                                                                                                                                                                           `["Error","ERR_OSSL_WRONG_FINAL_BLOCK_LENGTH","error:1C80006B:Provider routines::wrong final block length"]`,
		`thrown(() => crypto.createCipheriv("aes-999", k, iv))`:                                                                                                                                                                                                               `["Error","ERR_CRYPTO_UNKNOWN_CIPHER","Unknown cipher"]`,
		`thrown(() => crypto.createCipheriv("aes-256-cbc", k.subarray(1), iv))`:                                                                                                                                                                                               `["RangeError","ERR_CRYPTO_INVALID_KEYLEN","Invalid key length"]`,
		`thrown(() => crypto.createCipheriv("aes-256-cbc", k, n12))`:                                                                                                                                                                                                          `["TypeError","ERR_CRYPTO_INVALID_IV","Invalid initialization vector"]`,
		`thrown(() => crypto.createCipheriv("aes-256-cbc", k, null))`:                                                                                                                                                                                                         `["TypeError","ERR_CRYPTO_INVALID_IV","Invalid initialization vector"]`,
		`thrown(() => { const c = crypto.createCipheriv("aes-256-cbc", k, iv); c.final(); c.final() })`:                                                                                                                                                                       `["Error","ERR_CRYPTO_INVALID_STATE","Invalid state"]`,
		// derivation
		`hex(crypto.scryptSync("p", "salt", 16))`:                                                      `"15a8634aac16b4fa201f06673e76512f"`,
		`hex(crypto.scryptSync("p", "salt", 16, {N: 1024, r: 4, p: 2}))`:                               `"14b68bc71f14c3c490ac92d4ecc31917"`,
		`thrown(() => crypto.scryptSync("p", "salt", 16, {N: 1000}))`:                                  `["RangeError","ERR_CRYPTO_INVALID_SCRYPT_PARAMS","Invalid scrypt params"]`,
		`thrown(() => crypto.scryptSync("p", "salt", 16, {N: 1 << 20}))`:                               `["RangeError","ERR_CRYPTO_INVALID_SCRYPT_PARAMS","Invalid scrypt params: error:030000AC:digital envelope routines::memory limit exceeded"]`,
		`hex(crypto.hkdfSync("sha256", "key", "salt", "info", 20))`:                                    `"9ca0d662557439e3b83365f2da4626d35da195c6"`,
		`await new Promise((ok) => crypto.pbkdf2("p", "s", 1, 4, "sha256", (e, key) => ok(hex(key))))`: `"372cc981"`,
		// hashes
		`crypto.createHmac("sha512", crypto.createSecretKey(Buffer.from("k"))).update("a").digest("base64url")`:                        `"guDBXg1iqxeYS-oiW_fSitVPND3WUgwoPDos1DhSovecNJzJt1gzFzme441yJIm0WpQmZ-Vbw4xCpbsgPAkAxw"`,
		`crypto.createHash("sha3-256").update("a").digest("hex")`:                                                                      `"80084bf2fba02475726feb2cab2d8215eab14bc6bdd8bfb2c8151257032ecd8b"`,
		`crypto.createHash("sha512-256").update("a").digest("hex")`:                                                                    `"455e518824bc0601f9fb858ff5c37d417d67c2f8e0df2babe4808858aea830f8"`,
		`thrown(() => crypto.createHash("md5").update(5))`:                                                                             `["TypeError","ERR_INVALID_ARG_TYPE","The \"data\" argument must be of type string or an instance of Buffer, TypedArray, or DataView. Received type number (5)"]`,
		`thrown(() => { const h = crypto.createHash("md5"); h.digest(); h.digest() })`:                                                 `["Error","ERR_CRYPTO_HASH_FINALIZED","Digest already called"]`,
		`thrown(() => crypto.createHmac("md5", undefined))`:                                                                            `["TypeError","ERR_INVALID_ARG_TYPE","The \"key\" argument must be of type string or an instance of ArrayBuffer, Buffer, TypedArray, DataView, KeyObject, or CryptoKey. Received undefined"]`,
		`(() => { const s = crypto.createSecretKey(Buffer.from("k")); return [s.type, s.symmetricKeySize, s.export().toString()] })()`: `["secret",1,"k"]`,
		// the web's
		`await (async () => { const s = crypto.subtle, k = await s.importKey("raw", Buffer.from("k"), {name: "HMAC", hash: "SHA-256"}, false, ["sign", "verify"]), x = await s.sign("HMAC", k, Buffer.from("a"));
			return [k.type, k.extractable, k.algorithm, k.usages, hex(x), await s.verify("HMAC", k, x, Buffer.from("a")), await s.verify("HMAC", k, x, Buffer.from("b")), Object.keys(k).includes("key")] })()`: `["secret",false,{"name":"HMAC","hash":{"name":"SHA-256"},"length":8},["sign","verify"],"78da91511e675587f5b9df78bedebaf5560da2abb88162ee875dcdf744951d9e",true,false,false]`,
		`await (async () => { const s = crypto.webcrypto.subtle, k = await s.importKey("jwk", {kty: "oct", k: "aw", alg: "HS256"}, {name: "HMAC", hash: {name: "SHA-256"}}, false, ["sign"]); return hex(await s.sign("HMAC", k, Buffer.from("a"))) })()`: `"78da91511e675587f5b9df78bedebaf5560da2abb88162ee875dcdf744951d9e"`,
		`await (async () => { const s = crypto.subtle, k = await s.importKey("raw", Buffer.from("k"), {name: "HMAC", hash: {name: "SHA-1"}}, true, ["verify"]); return [hex(await s.exportKey("raw", k)), await s.exportKey("jwk", k)] })()`:              `["6b",{"key_ops":["verify"],"ext":true,"kty":"oct","k":"aw","alg":"HS1"}]`,
		`await rejected(async () => { const s = crypto.subtle, k = await s.importKey("raw", Buffer.from("k"), {name: "HMAC", hash: "SHA-256"}, false, ["verify"]); await s.sign("HMAC", k, Buffer.from("a")) })`:                                          `["InvalidAccessError",15,"Unable to use this key to sign"]`,
		`await rejected(async () => { const s = crypto.subtle, k = await s.importKey("raw", Buffer.from("k"), {name: "HMAC", hash: "SHA-256"}, false, ["verify"]); await s.exportKey("raw", k) })`:                                                        `["InvalidAccessException",0,"key is not extractable"]`,
		`await rejected(() => crypto.subtle.digest("md5", Buffer.from("a")))`:                                                     `["NotSupportedError",9,"Unrecognized algorithm name"]`,
		`await rejected(() => crypto.subtle.importKey("raw", Buffer.alloc(0), {name: "HMAC", hash: "SHA-256"}, false, ["sign"]))`: `["DataError",0,"Zero-length key is not supported"]`,
		`await rejected(() => crypto.subtle.importKey("raw", Buffer.alloc(1), {name: "HMAC", hash: "SHA-256"}, false, []))`:       `["SyntaxError",12,"Usages cannot be empty when importing a secret key."]`,
		`await (async () => { const s = crypto.subtle, key = await s.importKey("raw", k, "AES-GCM", false, ["encrypt", "decrypt"]), e = await s.encrypt({name: "AES-GCM", iv: n12}, key, Buffer.from("hello"));
			return [hex(e), String(Buffer.from(await s.decrypt({name: "AES-GCM", iv: n12}, key, e)))] })()`: `["900478f6905903a5aae15db74b3a6faca48e57864c","hello"]`,
		`await (async () => { const s = crypto.subtle, key = await s.importKey("raw", k, "AES-CBC", false, ["encrypt"]); return hex(await s.encrypt({name: "AES-CBC", iv}, key, Buffer.from("hello"))) })()`: `"aaf7a0b1c5d4d4b8c8abeaa891ec2755"`,
		`await rejected(async () => { const s = crypto.subtle, key = await s.importKey("raw", k, "AES-GCM", false, ["decrypt"]); await s.decrypt({name: "AES-GCM", iv: n12}, key, Buffer.alloc(20)) })`:      `["OperationError",0,"The operation failed for an operation-specific reason"]`,
	} {
		t.Run(expression, func(t *testing.T) {
			require.JSONEq(t, want, output(t, runBody(t, &fakeHost{}, cryptoHead+`return `+expression)))
		})
	}
}

// testdata/node-keys.json holds keys, signatures and sealed texts that Node 20 has made.
func TestCryptoKeysOfNode(t *testing.T) {
	keys, err := os.ReadFile("testdata/node-keys.json")
	require.NoError(t, err)
	for expression, want := range map[string]string{
		// what is deterministic is the same
		`hex(crypto.sign("sha256", data, input.rsa)) === s.rsa`:                                                                  `true`,
		`hex(crypto.sign("RSA-SHA256", data, input.rsaPKCS1)) === s.rsa`:                                                         `true`,
		`crypto.createSign("RSA-SHA1").update("the ").update("data").sign(input.rsa, "hex") === s.rsaSHA1`:                       `true`,
		`crypto.createSign("sha256").update(data).end().sign({key: input.rsaSealed, passphrase: "secret"}, "hex") === s.rsa`:     `true`,
		`crypto.createSign("sha256").update(data).end().sign({key: input.rsaSealed3DES, passphrase: "secret"}, "hex") === s.rsa`: `true`,
		`hex(crypto.sign(null, data, input.ed)) === s.ed`:                                                                        `true`,
		`(() => { const a = () => hex(crypto.sign("sha256", data, input.ec)); return a() === a() })()`:                           `true`,
		// theirs are good, ours are good, wrong ones are not
		`[[null, input.rsaPublic, s.rsa], ["sha1", input.rsa, s.rsaSHA1], [null, {key: input.rsaPublic, padding: 6}, s.pss], [null, {key: input.rsaPublic, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32}, s.pss32],
			[null, input.ecPublic, s.ec], [null, {key: input.ecPublic, dsaEncoding: "ieee-p1363"}, s.ecSideways], [null, input.edPublic, s.ed],
			[null, {key: input.rsaJWK, format: "jwk"}, s.rsa], [null, {key: input.ecJWK, format: "jwk"}, s.ec], [null, {key: input.edJWK, format: "jwk"}, s.ed]].map(([a, k, x]) => [crypto.verify(a ?? "sha256", data, k, Buffer.from(x, "hex")), crypto.verify(a ?? "sha256", Buffer.from("other"), k, Buffer.from(x, "hex"))].join())`: `["true,false","true,false","true,false","true,false","true,false","true,false","true,false","true,false","true,false","true,false"]`,
		`[{}, {padding: 6}, {padding: 6, saltLength: -1}].map(o => crypto.verify("sha256", data, {key: input.rsaPublic, ...o}, crypto.sign("sha256", data, {key: input.rsa, ...o})))`:                                                 `[true,true,true]`,
		`[{}, {dsaEncoding: "ieee-p1363"}].map(o => { const x = crypto.sign("sha256", data, {key: input.ecSEC1, ...o}); return [crypto.verify("sha256", data, {key: input.ecPublic, ...o}, x), !o.dsaEncoding || x.length === 64] })`: `[[true,true],[true,true]]`,
		`crypto.createVerify("sha256").update(data).verify(input.rsaPublic, s.rsa, "hex")`:                                                                                                                                            `true`,
		// key objects
		`(() => { const p = crypto.createPrivateKey(input.rsa), u = crypto.createPublicKey(p); return [p.type, p.asymmetricKeyType, u.type, p.asymmetricKeyDetails.modulusLength, u.export({type: "spki", format: "pem"}) === input.rsaPublic,
			p.export({type: "pkcs8", format: "pem"}) === input.rsa, p.export({type: "pkcs1", format: "pem"}) === input.rsaPKCS1, hex(crypto.sign("sha256", data, p)) === s.rsa, u.equals(crypto.createPublicKey(input.rsaPublic)), Object.keys(p)] })()`: `["private","rsa","public",2048,true,true,true,true,true,[]]`,
		`(() => { const der = crypto.createPrivateKey(input.ec).export({type: "pkcs8", format: "der"}); return crypto.createPrivateKey({key: der, format: "der", type: "pkcs8"}).asymmetricKeyType })()`: `"ec"`,
		// encryption
		`String(crypto.privateDecrypt(input.rsa, Buffer.from(input.sealed.oaep, "hex")))`:                               `"the data"`,
		`String(crypto.privateDecrypt({key: input.rsa, oaepHash: "sha256"}, Buffer.from(input.sealed.oaep256, "hex")))`: `"the data"`,
		`String(crypto.privateDecrypt(input.rsa, crypto.publicEncrypt(input.rsaPublic, Buffer.from("x"))))`:             `"x"`,
		// refusals
		`thrown(() => crypto.createSign("RSA-SHA256").update("a").sign("nope"))`:                                  `["Error","ERR_OSSL_UNSUPPORTED","error:1E08010C:DECODER routines::unsupported"]`,
		`thrown(() => crypto.createSign("sha256").update("a").sign({key: input.rsaSealed, passphrase: "wrong"}))`: `["Error","ERR_OSSL_BAD_DECRYPT","error:1C800064:Provider routines::bad decrypt"]`,
		`thrown(() => crypto.createSign("sha256").update("a").sign(input.rsaSealed))`:                             `["TypeError","ERR_MISSING_PASSPHRASE","Passphrase required for encrypted key"]`,
		`thrown(() => crypto.createSign("sha256").update("a").sign(input.rsaPublic))`:                             `["Error","ERR_OSSL_UNSUPPORTED","error:1E08010C:DECODER routines::unsupported"]`,
		`thrown(() => crypto.sign("sha256", data, crypto.createPublicKey(input.rsaPublic)))`:                      `["TypeError","ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE","Invalid key object type public, expected private."]`,
		`thrown(() => new crypto.KeyObject())`:                                                                    `["TypeError",null,"Illegal constructor"]`,
	} {
		t.Run(expression, func(t *testing.T) {
			body := cryptoHead + `const s = input.signatures, data = Buffer.from(input.data); return ` + expression
			require.JSONEq(t, want, output(t, runBody(t, &fakeHost{}, body, withInput(string(keys)))))
		})
	}
}
