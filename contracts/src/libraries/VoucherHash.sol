// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title EIP-712 struct hashes of what is signed about a channel. The voucher is that of src/lib/records/voucher.ts.
library VoucherHash {
    bytes32 internal constant VOUCHER_TYPEHASH =
        keccak256("Voucher(bytes32 channelId,uint32 epoch,uint64 nonce,uint128 balance)");
    bytes32 internal constant CLOSE_TYPEHASH = keccak256("Close(bytes32 channelId,uint32 epoch,uint128 balance)");
    bytes32 internal constant MANDATE_TYPEHASH =
        keccak256("Mandate(address provider,address collector,address agent,uint256 nonce,uint256 deadline)");

    function voucher(bytes32 channelId, uint256 epoch, uint256 nonce, uint256 balance) internal pure returns (bytes32) {
        return keccak256(abi.encode(VOUCHER_TYPEHASH, channelId, epoch, nonce, balance));
    }

    function close(bytes32 channelId, uint256 epoch, uint256 balance) internal pure returns (bytes32) {
        return keccak256(abi.encode(CLOSE_TYPEHASH, channelId, epoch, balance));
    }

    function mandate(address provider, address collector, address agent, uint256 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(MANDATE_TYPEHASH, provider, collector, agent, nonce, deadline));
    }
}
