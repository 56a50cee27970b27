// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LedgerMath} from "../src/libraries/LedgerMath.sol";

/// @dev One aggregator's ledger of QUIVerSettlement with its amounts in words and any root whatsoever: a claim says any
/// cumulative amount for a provider of any claims before, as a false root would let it.
contract LedgerCore {
    /// @dev No more tokens than QUIVToken.CAP can come in.
    uint256 private constant CAP = 1_000_000_000e18;

    uint256 private credit;
    uint256 private waiting;
    uint256 private total;
    uint256 private paid;
    uint256 private collected;
    uint256 private held;

    function collect(uint96 amount) external {
        require(collected + amount <= CAP);
        credit += amount;
        collected += amount;
        held += amount;
    }

    function submitBatch(uint96 totalAmount) external {
        require(waiting == 0 && totalAmount > total && totalAmount - total <= credit);
        waiting = totalAmount - total;
        credit -= waiting;
    }

    function activate() external {
        total += waiting;
        waiting = 0;
    }

    function disableRoot() external {
        credit += waiting;
        waiting = 0;
    }

    function claim(uint256 claimed, uint256 cumulative) external {
        uint256 amount = LedgerMath.claimable(total, paid, claimed, cumulative);
        paid += amount;
        held -= amount;
    }

    /// @dev Σ claims ≤ Σ batches ≤ Σ vouchers, and what is not paid is there.
    function check() external view {
        assert(paid <= total);
        assert(total + waiting + credit == collected);
        assert(held == collected - paid);
    }
}

/// @dev What one call computes, for all arguments.
contract LedgerCalls {
    function claim(uint256 total, uint256 paid, uint256 claimed, uint256 cumulative) external pure {
        require(paid <= total);
        uint256 amount = LedgerMath.claimable(total, paid, claimed, cumulative);
        assert(amount <= total - paid);
        assert(amount == 0 || claimed + amount <= cumulative);
        assert(cumulative <= claimed || amount == cumulative - claimed || amount == total - paid);
    }

    function divide(uint256 bond) external pure {
        (uint256 reward, uint256 burned) = LedgerMath.divideBond(bond);
        assert(reward <= burned);
        assert(burned - reward <= 1);
        assert(reward <= bond && burned == bond - reward);
    }
}
