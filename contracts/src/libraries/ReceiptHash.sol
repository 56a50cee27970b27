// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice A receipt of version 1, field for field as src/lib/records/receipt.ts signs it.
struct Receipt {
    uint16 version;
    bytes16 requestId;
    bytes32 client;
    bytes32 provider;
    address paymentAddress;
    bytes32 offerDigest;
    uint8 modelDigestScheme;
    bytes32 modelDigest;
    bytes32 quantisation;
    uint32 tokensIn;
    uint32 tokensOut;
    uint32 cachedTokens;
    uint32 bytesIn;
    uint32 bytesOut;
    uint128 priceIn;
    uint128 priceOut;
    uint128 cost;
    address asset;
    uint32 firstTokenMs;
    uint32 totalMs;
    uint8 finish;
    bytes32 errorCode;
    bytes32 requestHash;
    bytes32 responseHash;
    uint64 startedAt;
    uint64 issuedAt;
    bytes32 channelId;
    uint64 nonce;
    bytes32 previous;
    uint32 sequence;
}

/// @title EIP-712 struct hash of a receipt.
library ReceiptHash {
    bytes32 internal constant RECEIPT_TYPEHASH = keccak256(
        "Receipt(uint16 version,bytes16 requestId,bytes32 client,bytes32 provider,address paymentAddress,"
        "bytes32 offerDigest,uint8 modelDigestScheme,bytes32 modelDigest,bytes32 quantisation,uint32 tokensIn,"
        "uint32 tokensOut,uint32 cachedTokens,uint32 bytesIn,uint32 bytesOut,uint128 priceIn,uint128 priceOut,"
        "uint128 cost,address asset,uint32 firstTokenMs,uint32 totalMs,uint8 finish,bytes32 error,bytes32 requestHash,"
        "bytes32 responseHash,uint64 startedAt,uint64 issuedAt,bytes32 channelId,uint64 nonce,bytes32 previous,"
        "uint32 sequence)"
    );

    /// @dev Every field is one word in the ABI and in EIP-712 alike, and the decoder refuses words out of their range.
    function hash(Receipt calldata receipt) internal pure returns (bytes32) {
        return keccak256(abi.encode(RECEIPT_TYPEHASH, receipt));
    }
}
