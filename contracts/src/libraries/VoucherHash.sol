// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title EIP-712 struct hashes of what is signed about a channel. The voucher is that of src/lib/records/voucher.ts.
library VoucherHash {
    bytes32 internal constant VOUCHER_TYPEHASH =
        keccak256("Voucher(bytes32 channelId,uint32 epoch,uint64 nonce,uint128 balance)");
    bytes32 internal constant CLOSE_TYPEHASH = keccak256("Close(bytes32 channelId,uint32 epoch,uint128 balance)");
    bytes32 internal constant MANDATE_TYPEHASH =
        keccak256("Mandate(address provider,address collector,address agent,uint64 nonce,uint64 deadline)");

    /// @param amount The voucher's balance.
    /// @dev In assembly so that a batch of vouchers needs no more memory than one.
    function voucher(bytes32 channelId, uint256 epoch, uint256 nonce, uint256 amount)
        internal
        pure
        returns (bytes32 hash)
    {
        bytes32 typehash = VOUCHER_TYPEHASH;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typehash)
            mstore(add(free, 0x20), channelId)
            mstore(add(free, 0x40), epoch)
            mstore(add(free, 0x60), nonce)
            mstore(add(free, 0x80), amount)
            hash := keccak256(free, 0xa0)
        }
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
