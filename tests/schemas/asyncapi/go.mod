// Names AsyncAPI's own schemas, which are the npm package @asyncapi/specs too; go.sum has their hash.
// Nothing is built.
module backscribe/asyncapi

go 1.17

require github.com/asyncapi/spec-json-schemas/v6 v6.11.1
