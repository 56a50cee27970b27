// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The leaves of a batch's two trees.
/// @dev Hashed twice as OpenZeppelin's StandardMerkleTree does: an inner node is the hash of 64 bytes, a leaf that of
/// 32, so that neither passes for the other. The first word tells the trees apart.
library Leaves {
    /// @dev The first word of each kind of leaf.
    bytes32 internal constant PAYOUT = keccak256("quiver payout(bytes32 kind,address provider,uint256 cumulative)");
    bytes32 internal constant RECEIPT =
        keccak256("quiver receipt(bytes32 kind,uint256 index,bytes32 digest,bytes32 signatureHash)");

    /// @param cumulative All that the provider has earned with this aggregator, base units.
    /// @dev twice(abi.encode(PAYOUT, provider, cumulative)), leaving no memory behind: every claim pays for it.
    function payout(address provider, uint256 cumulative) internal pure returns (bytes32 leaf) {
        bytes32 kind = PAYOUT;
        uint256 account = uint160(provider);
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, kind)
            mstore(add(free, 0x20), account)
            mstore(add(free, 0x40), cumulative)
            mstore(0x00, keccak256(free, 0x60))
            leaf := keccak256(0x00, 0x20)
        }
    }

    /// @param index Place of the receipt in the batch, from 0, so that two equal receipts are two leaves.
    function receipt(uint256 index, bytes32 digest, bytes32 signatureHash) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(RECEIPT, index, digest, signatureHash))));
    }
}
