package fast

// The names that zod exports, in its order, which is that of their bytes. A test compares them with the pinned zod.
var (
	exportedNames = []string{
		"$brand", "$input", "$output", "NEVER", "TimePrecision", "ZodAny", "ZodArray", "ZodBase64", "ZodBase64URL", "ZodBigInt",
		"ZodBigIntFormat", "ZodBoolean", "ZodCIDRv4", "ZodCIDRv6", "ZodCUID", "ZodCUID2", "ZodCatch", "ZodCodec", "ZodCustom",
		"ZodCustomStringFormat", "ZodDate", "ZodDefault", "ZodDiscriminatedUnion", "ZodE164", "ZodEmail", "ZodEmoji", "ZodEnum", "ZodError",
		"ZodExactOptional", "ZodFile", "ZodFirstPartyTypeKind", "ZodFunction", "ZodGUID", "ZodIPv4", "ZodIPv6", "ZodISODate",
		"ZodISODateTime", "ZodISODuration", "ZodISOTime", "ZodIntersection", "ZodIssueCode", "ZodJWT", "ZodKSUID", "ZodLazy", "ZodLiteral",
		"ZodMAC", "ZodMap", "ZodNaN", "ZodNanoID", "ZodNever", "ZodNonOptional", "ZodNull", "ZodNullable", "ZodNumber", "ZodNumberFormat",
		"ZodObject", "ZodOptional", "ZodPipe", "ZodPrefault", "ZodPromise", "ZodReadonly", "ZodRealError", "ZodRecord", "ZodSet", "ZodString",
		"ZodStringFormat", "ZodSuccess", "ZodSymbol", "ZodTemplateLiteral", "ZodTransform", "ZodTuple", "ZodType", "ZodULID", "ZodURL",
		"ZodUUID", "ZodUndefined", "ZodUnion", "ZodUnknown", "ZodVoid", "ZodXID", "ZodXor", "_ZodString", "_default", "_function", "any",
		"array", "base64", "base64url", "bigint", "boolean", "catch", "check", "cidrv4", "cidrv6", "clone", "codec", "coerce", "config",
		"core", "cuid", "cuid2", "custom", "date", "decode", "decodeAsync", "describe", "discriminatedUnion", "e164", "email", "emoji",
		"encode", "encodeAsync", "endsWith", "enum", "exactOptional", "file", "flattenError", "float32", "float64", "formatError",
		"fromJSONSchema", "function", "getErrorMap", "globalRegistry", "gt", "gte", "guid", "hash", "hex", "hostname", "httpUrl", "includes",
		"instanceof", "int", "int32", "int64", "intersection", "ipv4", "ipv6", "iso", "json", "jwt", "keyof", "ksuid", "lazy", "length",
		"literal", "locales", "looseObject", "looseRecord", "lowercase", "lt", "lte", "mac", "map", "maxLength", "maxSize", "meta", "mime",
		"minLength", "minSize", "multipleOf", "nan", "nanoid", "nativeEnum", "negative", "never", "nonnegative", "nonoptional", "nonpositive",
		"normalize", "null", "nullable", "nullish", "number", "object", "optional", "overwrite", "parse", "parseAsync", "partialRecord",
		"pipe", "positive", "prefault", "preprocess", "prettifyError", "promise", "property", "readonly", "record", "refine", "regex",
		"regexes", "registry", "safeDecode", "safeDecodeAsync", "safeEncode", "safeEncodeAsync", "safeParse", "safeParseAsync", "set",
		"setErrorMap", "size", "slugify", "startsWith", "strictObject", "string", "stringFormat", "stringbool", "success", "superRefine",
		"symbol", "templateLiteral", "toJSONSchema", "toLowerCase", "toUpperCase", "transform", "treeifyError", "trim", "tuple", "uint32",
		"uint64", "ulid", "undefined", "union", "unknown", "uppercase", "url", "util", "uuid", "uuidv4", "uuidv6", "uuidv7", "void", "xid",
		"xor",
	}
	coerceNames = []string{
		"bigint", "boolean", "date", "number", "string",
	}
	isoNames = []string{
		"ZodISODate", "ZodISODateTime", "ZodISODuration", "ZodISOTime", "date", "datetime", "duration", "time",
	}
)
