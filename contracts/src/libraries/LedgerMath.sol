// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The amounts of one aggregator's ledger, apart from who may move them; proved in contracts/smt.
library LedgerMath {
    /// @notice What a payout leaf pays now: its cumulative amount less what its provider was paid before, at most what
    /// the ledger still holds for live roots.
    /// @param total What live roots may pay in all; `paid` what they paid, never more than `total`.
    function claimable(uint256 total, uint256 paid, uint256 claimed, uint256 cumulative)
        internal
        pure
        returns (uint256)
    {
        if (cumulative <= claimed) return 0;
        unchecked {
            uint256 due = cumulative - claimed;
            uint256 left = total - paid;
            return due < left ? due : left;
        }
    }

    /// @notice Divides a slashed bond; the odd unit is burned.
    function divideBond(uint256 bond) internal pure returns (uint256 reward, uint256 burned) {
        reward = bond / 2;
        unchecked {
            burned = bond - reward;
        }
    }
}
